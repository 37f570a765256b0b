"""The live study: ask which representation to finetune next, tell the result, rank them all.

A study is its history in the store. Every question reads it anew, so that restarts and other processes change nothing:
candidates are what the space holds today, and chance derives from the seed and the number of requests so far, which
makes the same history give the same answer. Samplers think outside all transactions: what one chose is written only if
the history is still the one that it saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from visionlaw.arrays import FloatArray
from visionlaw.errors import StudyError
from visionlaw.policy.answers import StudyStatus, Suggestion, Told, ToldValue, TrialView
from visionlaw.policy.candidates import Candidates, index_of
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.checks import (
    check_agreement,
    check_results,
    check_room,
    check_settings,
    find_representation,
)
from visionlaw.policy.ranking import Ranking, rank
from visionlaw.policy.reasons import situation
from visionlaw.policy.state import Status, StudyState
from visionlaw.policy.tools import check_tools
from visionlaw.protocols import Sampler
from visionlaw.store.store import Store, add_run
from visionlaw.store.studies import (
    History,
    ResultRow,
    StudySettings,
    TrialRow,
    read_history,
    write_result,
    write_settings,
    write_trial,
)

STATUS = {"pending": Status.PENDING, "done": Status.DONE, "failed": Status.FAILED}


class Study:
    """One question to the policy, persisted.

    Nothing is stored until an :meth:`ask`, :meth:`tell` or :meth:`fail` is accepted. Sampler, budget and score source
    may change between openings; what the history means (mode, benchmarks, seed, definition of A) may not.

    Args:
        store: Where the history is; opened with ``create=False``, a refused change leaves no file behind.
        settings: What the study asks.
        candidates: The space as it is today, with A and C.
        sampler: What ``settings.sampler`` names; it is checked, whoever wrote it.
        canonical: Turns an id, an alias or a published name into the canonical id, as
            :meth:`visionlaw.space.SearchSpace.canonical` does; raises InvalidIdError for what is none.
        names: Other names of representations, to suggest when one is misspelled.
        provenance: Stored with every change; see :func:`visionlaw.store.run_provenance`.

    Raises:
        StudyError: The settings contradict themselves or the stored study.
    """

    def __init__(
        self,
        store: Store,
        settings: StudySettings,
        candidates: Candidates,
        sampler: Sampler,
        *,
        canonical: Callable[[str], str] = str,
        names: Iterable[str] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        check_settings(settings)
        self.settings = settings
        self.candidates = candidates
        self._store = store
        self._sampler = CheckedSampler.of(sampler, settings.sampler)
        self._signs = np.array([-1.0 if b in settings.lower_is_better else 1.0 for b in settings.benchmarks])
        self._canonical = canonical
        self._other_names = tuple(names)
        self._provenance = dict(provenance or {})
        self._names = candidates.scored
        self._points = candidates.points()
        self._history()

    def ask(self, n: int = 1) -> tuple[Suggestion, ...]:
        """Choose the next ``n`` representations to finetune, and note them as pending.

        All of them or none: asking for two is asking twice. When another process changes the study meanwhile, the
        sampler is asked again.

        Raises:
            StudyError: The budget or the open candidates are used up, or ``n`` is not positive.
            PluginError: The sampler failed.
        """
        while True:  # ends: each further turn means that another process has got on
            history = self._history()
            check_room(self.settings, history, self.candidates, n)
            suggestions = self._choose(history, n)
            with self._store.writing() as session:
                now = self._begin(session)
                if (now.trials, now.results) != (history.trials, history.results):
                    continue
                run = add_run(session, "policy ask", self._provenance, finished=True)
                for suggestion in suggestions:
                    write_trial(session, self.settings.name, _pending(suggestion), run)
            return suggestions

    def tell(
        self,
        representation: str,
        results: Mapping[str, float],
        *,
        source: str = "",
        source_version: str | Mapping[str, str] = "",
        force: bool = False,
    ) -> Told:
        """Tell the performance of a finetuned representation; the study need not have asked for it.

        A representation counts as done with its first result. Telling a benchmark again replaces its value; telling the
        same value again changes nothing.

        Args:
            representation: An id, an alias or a published name.
            results: Performance by benchmark, in the benchmark's own unit.
            source: The tool that measured it, or a sentence.
            source_version: The tool's version, or that of each benchmark.
            force: Whether to tell it although the benchmark's other results are another tool's.

        Raises:
            UnknownIdError: Nobody knows the representation.
            StudyError: Not a benchmark of this study, not a finite number, nothing was told, or a mix of tools.
        """
        check_results(self.settings, results)
        name = self._find(representation)
        with self._store.writing() as session:
            history = self._begin(session)
            before, now = history.results.get(name, {}), datetime.now(UTC)
            versions = dict.fromkeys(results, source_version) if isinstance(source_version, str) else source_version
            rows = {b: ResultRow(float(v), source, versions.get(b, ""), now) for b, v in results.items()}
            if not force:
                check_tools(history, name, rows)
            changed = {b: row for b, row in rows.items() if b not in before or _differ(before[b], row)}
            trial = history.trials.get(name, TrialRow(name, None, "done"))
            if changed:
                run = add_run(session, "policy tell", self._provenance, finished=True)
                write_trial(session, self.settings.name, replace(trial, status="done", failure=""), run)
                for benchmark, row in changed.items():
                    write_result(session, self.settings.name, name, benchmark, row, run)
        values = {b: ToldValue(row.value, before[b].value if b in before else None) for b, row in rows.items()}
        missing = tuple(b for b in self.settings.benchmarks if b not in before and b not in rows)
        return Told(name, values, from_outside=trial.position is None, missing=missing, enters_law=name in self._names)

    def fail(self, representation: str, reason: str) -> TrialRow:
        """Tell that finetuning a representation failed: it is not asked for again, and its budget stays spent.

        Raises:
            UnknownIdError: Nobody knows the representation.
            StudyError: It has results already.
        """
        name = self._find(representation)
        with self._store.writing() as session:
            history = self._begin(session)
            trial = history.trials.get(name, TrialRow(name, None, "failed"))
            if name in history.results:
                raise StudyError(
                    f"'{name}' has results in study '{self.settings.name}': it can't have failed.",
                    "Tell another value instead; it replaces the old one.",
                )
            failed = replace(trial, status="failed", failure=reason)
            if history.trials.get(name) != failed:
                run = add_run(session, "policy tell", self._provenance, finished=True)
                write_trial(session, self.settings.name, failed, run)
        return failed

    def rank(self) -> Ranking:
        """Rank the scored candidates by what the sampler's law expects of them.

        Raises:
            PluginError: The sampler failed.
        """
        history = self._history()
        state = self._state(history)
        ranking = rank(self.settings.name, self._sampler, self.candidates, state, self._signs)
        return replace(ranking, unused=tuple(name for name in history.results if name not in self._names))

    def status(self) -> StudyStatus:
        """Say where the study stands."""
        history = self._history()
        space = set(self.candidates.representations)
        views = tuple(
            TrialView(
                trial,
                {b: row.value for b, row in history.results.get(name, {}).items()},
                tuple(b for b in self.settings.benchmarks if b not in history.results.get(name, {})),
                name in space,
            )
            for name, trial in history.trials.items()
        )
        return StudyStatus(
            settings=self.settings,
            begun=history.settings is not None,
            asked=history.asked,
            trials=views,
            open=tuple(name for name in self._names if name not in history.trials),
            not_scored=tuple(c for c in self.candidates.not_scored if c.representation not in history.trials),
            best=self._best(history),
            a_from=self.candidates.sources[0][0],
            c_from=self.candidates.c_from,
        )

    def _history(self) -> History:
        with self._store.reading() as session:
            history = read_history(session, self.settings.name)
        check_agreement(history.settings, self.settings)
        return history

    def _begin(self, session: Session) -> History:
        """Read the history for a change, and store the settings in force."""
        history = read_history(session, self.settings.name)
        check_agreement(history.settings, self.settings)
        if history.settings != self.settings:
            write_settings(session, self.settings)
        return history

    def _find(self, representation: str) -> str:
        known = (*self.candidates.representations, *self._history().trials)
        return find_representation(representation, self.settings, known, self._canonical, self._other_names)

    def _state(self, history: History) -> StudyState:
        status = np.full((1, len(self._names)), int(Status.OPEN), dtype=np.int64)
        results = np.full((1, len(self.settings.benchmarks), len(self._names)), np.nan)
        lines = index_of(self.settings.benchmarks)
        for i, name in enumerate(self._names):
            if name in history.trials:
                status[0, i] = STATUS[history.trials[name].status]
            for benchmark, row in history.results.get(name, {}).items():
                results[0, lines[benchmark], i] = row.value * self._signs[lines[benchmark]]
        # What came from outside was not asked for, so it must not look like spent budget.
        outside = sum(trial.position is None for trial in history.trials.values())
        return StudyState(self._points, status, results, self.settings.budget + outside)

    def _choose(self, history: History, n: int) -> tuple[Suggestion, ...]:
        """Ask the sampler n times, as if each answer were pending before the next."""
        suggestions: list[Suggestion] = []
        for _ in range(n):
            suggestion = self._suggest(history)
            suggestions.append(suggestion)
            trials = {**history.trials, suggestion.representation: _pending(suggestion)}
            history = replace(history, trials=trials)
        return tuple(suggestions)

    def _suggest(self, history: History) -> Suggestion:
        state = self._state(history)
        rng = np.random.default_rng([self.settings.seed, history.asked])
        choice = int(self._sampler.ask(state, rng)[0])
        mean = self._sampler.predict(state)[0]
        own = self._sampler.explain(state, choice)
        context = situation(state, choice, self._names, self.settings.benchmarks, mean, self._signs)
        column = self.candidates.representations.index(self._names[choice])
        return Suggestion(
            representation=self._names[choice],
            position=history.asked,
            reason=f"{own} {context}",
            A=self._by_benchmark(self.candidates.A[:, column]),
            C=self._by_benchmark(self.candidates.C[:, column]),
            predicted=self._by_benchmark(mean[:, choice] * self._signs),
        )

    def _by_benchmark(self, values: FloatArray) -> dict[str, float]:
        pairs = zip(self.settings.benchmarks, values, strict=True)
        return {benchmark: float(value) for benchmark, value in pairs if math.isfinite(value)}

    def _best(self, history: History) -> dict[str, tuple[str, float]]:
        best: dict[str, tuple[str, float]] = {}
        for benchmark, sign in zip(self.settings.benchmarks, self._signs, strict=True):
            told = [(name, rows[benchmark].value) for name, rows in history.results.items() if benchmark in rows]
            if told:
                best[benchmark] = max(told, key=lambda pair, s=sign: s * pair[1])
        return best


def _pending(suggestion: Suggestion) -> TrialRow:
    return TrialRow(suggestion.representation, suggestion.position, "pending", datetime.now(UTC), suggestion.reason)


def _differ(before: ResultRow, now: ResultRow) -> bool:
    return replace(before, told=now.told) != now
