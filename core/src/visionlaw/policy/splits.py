"""What a replayed sampler may know of other benchmarks: the splits that keep a warm start honest.

*Leave one benchmark out*: the results of all other benchmarks of the table, on all its settings; never one of the
benchmark that is replayed. *Strict*: nor of a setting that the trial may train; so that it needs a sub-space, outside
which settings are left. Another table: its results, without the benchmarks of the study.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.errors import StudyError
from visionlaw.law.tables import LawTable
from visionlaw.modes import Mode
from visionlaw.policy.state import Past


class Split(StrEnum):
    """Which of the table's own results a warm start may use."""

    LEAVE_ONE_BENCHMARK_OUT = "leave-one-benchmark-out"
    STRICT = "strict"


@dataclass(frozen=True)
class Part:
    """Trials that share their past.

    Attributes:
        rows: ``[r]``: the table's benchmarks that are replayed.
        members: ``[T, m]``: the settings of each trial.
        chosen: ``[T]``: which trials these are.
        past: What the sampler is told; None: nothing.
    """

    rows: IntArray
    members: IntArray
    chosen: IntArray
    past: Past | None


def parts(
    table: LawTable, prior: Split | LawTable | None, mode: Mode, members: IntArray, chosen: IntArray
) -> Iterator[Part]:
    """Divide trials with members ``[T, m]`` so that those of each part share their past."""
    rows, settings = np.arange(len(table.benchmarks)), np.arange(len(table.settings))
    if prior is None:
        yield Part(rows, members, chosen, None)
    elif isinstance(prior, LawTable):
        for held_out in [rows] if mode == Mode.JOINT else rows[:, None]:
            yield Part(held_out, members, chosen, past_of_other(table, prior, held_out, members))
    elif prior == Split.LEAVE_ONE_BENCHMARK_OUT:
        for held_out in rows[:, None]:
            yield Part(held_out, members, chosen, past_of_same(table, int(held_out[0]), settings, members))
    else:
        for own, trial in zip(members[:, None], chosen[:, None], strict=True):
            outside = np.setdiff1d(settings, own)
            for held_out in rows[:, None]:
                yield Part(held_out, own, trial, past_of_same(table, int(held_out[0]), outside, own))


def past_of_same(table: LawTable, held_out: int, kept: IntArray, members: IntArray) -> Past | None:
    """Return the other benchmarks' results on the kept settings ``[s]``, seen by trials with members ``[T, m]``.

    None where the kept settings do not span a scale: fewer than two, or all of the same A or C. The scale of the
    held-out benchmark's A and C is that of the kept settings; scores are known of a setting before it is trained.
    """
    low, span = _scale(table.A[:, kept], table.C[:, kept])
    if len(kept) < 2 or not (span > 0).all():
        return None
    others = np.delete(np.arange(len(table.benchmarks)), held_out)
    scaled = (_raw(table) - low[:, None]) / span[:, None]
    place = np.full(len(table.settings), -1)
    place[kept] = np.arange(len(kept))
    return Past(
        points=scaled[np.ix_(others, kept)],
        results=table.performance[np.ix_(others, kept)],
        candidates=scaled[held_out][members][:, None],
        identity=place[members],
    )


def past_of_other(table: LawTable, prior: LawTable, rows: IntArray, members: IntArray) -> Past:
    """Return another table's results, without the benchmarks ``rows`` of this one, as trials with members see them.

    Settings of the same name are the same. A and C of a benchmark are put on the other table's scale of it, where it
    has that benchmark, else on the mean of its benchmarks' scales.

    Raises:
        StudyError: The other table holds no other benchmark.
    """
    names = [table.benchmarks[int(row)] for row in rows]
    others = np.array([i for i, name in enumerate(prior.benchmarks) if name not in names], dtype=np.int64)
    if not len(others):
        raise StudyError(
            f"{prior.name} holds no benchmark but those replayed: nothing is left to start from.",
            "Give a table with other benchmarks, or replay without a prior.",
        )
    low, span = _scale(prior.A, prior.C)
    at = [prior.benchmarks.index(name) if name in prior.benchmarks else None for name in names]
    own_low = np.stack([low.mean(axis=0) if i is None else low[i] for i in at])
    own_span = np.stack([span.mean(axis=0) if i is None else span[i] for i in at])
    candidates = (_raw(table)[rows] - own_low[:, None]) / own_span[:, None]
    place = {name: i for i, name in enumerate(prior.settings)}
    identity = np.array([place.get(name, -1) for name in table.settings])
    return Past(
        points=prior.points()[others],
        results=prior.performance[others],
        candidates=np.moveaxis(candidates[:, members], 0, 1),
        identity=identity[members],
    )


def require_prior(
    table: LawTable, prior: Split | LawTable | None, mode: Mode, subspace: tuple[int, int] | None
) -> None:
    """Refuse a prior that this replay cannot have.

    Raises:
        StudyError: A split of joint trials, a strict one without sub-spaces, a table without other benchmarks, or one
            whose A follows another definition.
        DataError: The other table has settings without a result, or A or C that do not vary.
    """
    if prior is None:
        return
    if isinstance(prior, LawTable):
        if prior.a_definition != table.a_definition:
            raise StudyError(
                f"A of {prior.name} is {prior.a_definition}, that of {table.name} {table.a_definition}.",
                "The two never mix: give a prior whose A follows the same definition.",
            )
        prior.points()
        prior.require_finished()
        return
    if mode == Mode.JOINT:
        raise StudyError(
            f"In joint mode a finetuning reveals all benchmarks, so that none can be left out ('{prior}').",
            "Use single mode, or give another table as prior.",
        )
    if len(table.benchmarks) < 2:
        raise StudyError(f"{table.name} has one benchmark: no other is left.", "Give another table as prior.")
    if prior == Split.STRICT and subspace is None:
        raise StudyError(
            "A strict prior knows only settings outside a trial's sub-space, and without sub-spaces there are none.",
            "Give a subspace, such as 8:12.",
        )


def _raw(table: LawTable) -> FloatArray:
    return np.stack([table.A, table.C], axis=-1)


def _scale(A: FloatArray, C: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (lowest, span) ``[b, 2]`` of A and C over the settings."""
    values = np.stack([A, C], axis=-1)
    low = values.min(axis=1, initial=np.inf)
    return low, values.max(axis=1, initial=-np.inf) - low
