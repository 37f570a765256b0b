"""The history of a study in the store: its settings, what it asked for, what it was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from visionlaw.errors import StoreError
from visionlaw.modes import Mode
from visionlaw.store.schema import Result, Run, StudyRecord, Trial

TrialStatus = Literal["pending", "done", "failed"]


@dataclass(frozen=True)
class StudySettings:
    """What a study asks.

    Attributes:
        name: Its name in the store.
        sampler: The sampler's id with its options.
        mode: ``single``: exactly one benchmark; ``joint``: one finetuning serves all of them.
        benchmarks: Keys of the benchmarks, in order.
        budget: How many finetunings may be asked for in all.
        seed: What the random choices derive from. At least 0.
        scores: Where A and C come from: a published table, a CSV file, or ``store``.
        a_definition: The scorer that is A: ``maxcos``, ``loglik`` or another one, options included.
        lower_is_better: The benchmarks on which lower is better.
    """

    name: str
    sampler: str
    mode: Mode
    benchmarks: tuple[str, ...]
    budget: int
    seed: int
    scores: str
    a_definition: str
    lower_is_better: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialRow:
    """A representation that the study asked for or heard of.

    Attributes:
        representation: Canonical id.
        position: Which request it was, from 0 on; None when it came from outside.
        status: ``pending``, ``done`` or ``failed``.
        asked: When it was asked for, in UTC.
        reason: Why it was asked for, in words.
        failure: Why it failed, in words.
    """

    representation: str
    position: int | None
    status: TrialStatus
    asked: datetime | None = None
    reason: str = ""
    failure: str = ""


@dataclass(frozen=True)
class ResultRow:
    """A performance that was told.

    Attributes:
        value: In the benchmark's own unit.
        source: The tool that measured it, or a sentence.
        source_version: The tool's version.
        told: When, in UTC.
    """

    value: float
    source: str
    source_version: str
    told: datetime


@dataclass(frozen=True)
class History:
    """Everything that has happened in a study.

    Attributes:
        settings: As stored; None when the study has not begun.
        trials: By representation; those asked for first, in the order of asking.
        results: By representation, then by benchmark.
        prior: The names of the prior that was in force at the last change.
    """

    settings: StudySettings | None = None
    trials: Mapping[str, TrialRow] = field(default_factory=dict[str, TrialRow])
    results: Mapping[str, Mapping[str, ResultRow]] = field(default_factory=dict[str, "Mapping[str, ResultRow]"])
    prior: tuple[str, ...] = ()

    @property
    def asked(self) -> int:
        """How many finetunings have been asked for."""
        return sum(trial.position is not None for trial in self.trials.values())


def study_names(session: Session) -> tuple[str, ...]:
    """Return the names of all studies, the oldest first."""
    return tuple(session.scalars(select(StudyRecord.name).order_by(StudyRecord.id)))


def read_history(session: Session, name: str) -> History:
    """Read a study by name; an empty history when there is none."""
    record = session.scalar(select(StudyRecord).where(StudyRecord.name == name))
    if record is None:
        return History()
    found = session.scalars(
        select(Trial).where(Trial.study_id == record.id).order_by(Trial.position.is_(None), Trial.position, Trial.id)
    ).all()
    results: dict[str, dict[str, ResultRow]] = {}
    for result in session.scalars(select(Result).where(Result.study_id == record.id).order_by(Result.id)):
        row = ResultRow(result.value, result.source, result.source_version, result.told)
        results.setdefault(result.representation, {})[result.benchmark] = row
    trials = {trial.representation: _trial(trial) for trial in found}
    return History(_settings(record), trials, results, _prior(session, [trial.run_id for trial in found]))


def write_settings(session: Session, settings: StudySettings) -> None:
    """Begin a study, or bring its stored settings up to date."""
    record = session.scalar(select(StudyRecord).where(StudyRecord.name == settings.name))
    if record is None:
        record = StudyRecord(name=settings.name, created=datetime.now(UTC))
        session.add(record)
    record.sampler, record.mode, record.scores = settings.sampler, str(settings.mode), settings.scores
    record.seed, record.budget, record.a_definition = settings.seed, settings.budget, settings.a_definition
    record.benchmarks, record.lower_is_better = list(settings.benchmarks), list(settings.lower_is_better)
    session.flush()


def write_trial(session: Session, name: str, row: TrialRow, run: int) -> None:
    """Record a trial, or its new state."""
    study_id = _study_id(session, name)
    trial = session.scalar(select(Trial).where(Trial.study_id == study_id, Trial.representation == row.representation))
    if trial is None:
        trial = Trial(study_id=study_id, representation=row.representation)
        session.add(trial)
    trial.position, trial.status, trial.asked = row.position, row.status, row.asked
    trial.reason, trial.failure, trial.run_id = row.reason, row.failure, run
    session.flush()


def write_result(session: Session, name: str, representation: str, benchmark: str, row: ResultRow, run: int) -> None:
    """Record a result, or its new value."""
    study_id = _study_id(session, name)
    result = session.scalar(
        select(Result).where(
            Result.study_id == study_id,
            Result.representation == representation,
            Result.benchmark == benchmark,
        )
    )
    if result is None:
        result = Result(study_id=study_id, representation=representation, benchmark=benchmark)
        session.add(result)
    result.value, result.source, result.source_version = row.value, row.source, row.source_version
    result.told, result.run_id = row.told, run
    session.flush()


def _prior(session: Session, runs: list[int]) -> tuple[str, ...]:
    """Return the prior that the latest of the runs had; runs from before there were priors had none."""
    run = session.get(Run, max(runs)) if runs else None
    return tuple(run.provenance.get("prior", ())) if run is not None else ()


def _study_id(session: Session, name: str) -> int:
    return session.scalars(select(StudyRecord.id).where(StudyRecord.name == name)).one()


def _settings(record: StudyRecord) -> StudySettings:
    if record.mode not in list(Mode):
        raise StoreError(f"The store holds a study of unknown mode '{record.mode}'.", "Upgrade visionlaw.")
    return StudySettings(
        name=record.name,
        sampler=record.sampler,
        mode=Mode(record.mode),
        benchmarks=tuple(record.benchmarks),
        budget=record.budget,
        seed=record.seed,
        scores=record.scores,
        a_definition=record.a_definition,
        lower_is_better=tuple(record.lower_is_better),
    )


def _trial(trial: Trial) -> TrialRow:
    for status in get_args(TrialStatus):
        if trial.status == status:
            return TrialRow(trial.representation, trial.position, status, trial.asked, trial.reason, trial.failure)
    raise StoreError(f"The store holds a trial of unknown status '{trial.status}'.", "Upgrade visionlaw.")
