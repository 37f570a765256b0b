"""Replay: simulate a policy on a table whose outcome is already known, thousands of trials side by side.

Two ways to count, never confused (PROTOCOLS §5). *Fixed budget* is what a user gets: the state after exactly n
finetunings. *First hit* is what the papers count: whether the optimum has been among the top 3 at any n so far. Nobody
without the answer could stop there, so that first hit is an upper bound that only an oracle reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.errors import DataError, StudyError
from visionlaw.law.normalise import min_max
from visionlaw.law.tables import LawTable
from visionlaw.modes import Mode
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.course import Course, World, run_course
from visionlaw.protocols import Sampler

TOP = 3
"""The papers' shortlist: the optimum counts as hit among the best three."""
CHUNK = 4_000_000
"""Cells (trial × benchmark × setting) that are simulated at once, to bound memory on large tables."""


@dataclass(frozen=True)
class Replay:
    """What T simulated trials did on b benchmarks after n = 0…N finetunings.

    Attributes:
        law: Name of the table.
        sampler: Id of the sampler, or its class where it has none.
        mode: ``single``: each benchmark is a study of its own. ``joint``: one finetuning serves all benchmarks.
        benchmarks: Names of the b benchmarks.
        course: Place of the optimum, found and regret, each ``[T, b, N + 1]``.
    """

    law: str
    sampler: str
    mode: Mode
    benchmarks: tuple[str, ...]
    course: Course

    def recall(self, top: int = TOP) -> FloatArray:
        """Return ``[b, N + 1]``: how often the optimum is in the top of the ranking after exactly n finetunings.

        Where a sampler predicts nothing yet, the expectation of a ranking at random.
        """
        hit = self.course.place <= top
        return np.where(self.course.informed, hit, self.course.chance(top)).mean(axis=0)

    def first_hit(self, top: int = TOP) -> FloatArray:
        """Return ``[b, N + 1]``: how often a prediction had the optimum in its top by n at the latest."""
        hit = (self.course.place <= top) & self.course.informed
        return np.logical_or.accumulate(hit, axis=-1).mean(axis=0)

    def found(self) -> FloatArray:
        """Return ``[b, N + 1]``: how often the optimum itself has been trained by n finetunings."""
        return self.course.found.mean(axis=0)

    def regret(self) -> FloatArray:
        """Return ``[b, N + 1]``: mean loss of the recommended setting against the optimum, in % of the optimum.

        Recommended is the trained setting with the best told result: what a user would deploy, since it exists and its
        result is known. Before the first finetuning it is the best predicted one; where nothing is predicted, the
        expectation of a setting drawn at random.
        """
        return self.course.regret.mean(axis=0)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of ``visionlaw policy replay``; fixed-budget figures are means over the benchmarks."""
        fixed = {
            "recall@1": self.recall(1),
            "recall@3": self.recall(3),
            "found": self.found(),
            "regret": self.regret(),
        }
        first_hit = self.first_hit()
        return {
            "law": self.law,
            "sampler": self.sampler,
            "mode": self.mode,
            "fixed_budget": {name: [float(v) for v in values.mean(axis=0)] for name, values in fixed.items()},
            "first_hit": {b: [float(v) for v in row] for b, row in zip(self.benchmarks, first_hit, strict=True)},
        }


def replay(
    table: LawTable,
    sampler: Sampler,
    budget: int,
    trials: int = 1000,
    seed: int = 0,
    mode: Mode = Mode.SINGLE,
    noise: float = 0.0,
    subspace: tuple[int, int] | None = None,
) -> Replay:
    """Simulate a sampler on a finished table.

    Args:
        table: The table, finished, higher performance better.
        sampler: Any object that follows :class:`visionlaw.protocols.Sampler`.
        budget: N, finetunings per trial; in joint mode each serves all benchmarks.
        trials: T, independent trials per benchmark (in all, in joint mode).
        seed: Seed of everything random; the same seed gives the same figures, and any two samplers the same noise and
            subspaces.
        mode: ``single`` or ``joint``.
        noise: Relative standard deviation of the Gaussian noise on the told results; the truth decides the metrics.
        subspace: (lo, hi): each trial lives among a random subset of lo…hi settings, normalised inside it.

    Raises:
        DataError: The table is unfinished, too small, or constant in A or C.
        StudyError: An impossible budget, number of trials, noise or subspace.
        PluginError: The sampler failed, or answered with something that is no choice or no prediction.
    """
    _require_replayable(table)
    _require_possible(table, budget, trials, mode, noise, subspace)
    seeds = np.random.SeedSequence(seed).spawn(4)
    choices, told, ties, subsets = (np.random.default_rng(s) for s in seeds)
    shape = (trials, len(table.benchmarks))
    checked = CheckedSampler.of(sampler)
    course = Course.empty((*shape, budget + 1))
    observed = told.standard_normal((*shape, len(table.settings)))
    for members, chosen in _groups(table, trials, subspace, subsets):
        world = _world(table, members, chosen, noise * observed[chosen], mode)
        part = run_course(world, checked, budget, choices, ties)
        course.put(chosen, part.reshaped((len(chosen), *course.place.shape[1:])))
    return Replay(table.name, checked.name, Mode(mode), table.benchmarks, course)


def _groups(
    table: LawTable, trials: int, subspace: tuple[int, int] | None, rng: np.random.Generator
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield (members ``[G, m]``, trials ``[G]``): trials of equal size, in pieces that fit the memory."""
    k, b = len(table.settings), len(table.benchmarks)
    if subspace is None:
        sizes, order = np.full(trials, k), np.broadcast_to(np.arange(k), (trials, k))
    else:
        sizes = rng.integers(subspace[0], subspace[1], endpoint=True, size=trials)
        order = rng.random((trials, k)).argsort(axis=-1)
    for size in np.unique(sizes):
        of_size = np.flatnonzero(sizes == size)
        for chosen in np.array_split(of_size, -(-len(of_size) * b * size // CHUNK)):
            yield np.sort(order[chosen, :size], axis=-1), chosen


def _world(table: LawTable, members: IntArray, chosen: IntArray, error: FloatArray, mode: Mode) -> World:
    """Cut the table down to each trial's members; single mode makes every benchmark a trial of its own."""
    at = members[:, None, :]
    rows = np.arange(len(table.benchmarks))[None, :, None]
    truth = table.performance[rows, at]
    told = truth * (1.0 + np.take_along_axis(error, np.broadcast_to(at, truth.shape), axis=-1))
    points = np.stack([min_max(table.A[rows, at]), min_max(table.C[rows, at])], axis=-1)
    if mode == Mode.SINGLE:
        m = members.shape[1]
        return World(points.reshape(-1, 1, m, 2), truth.reshape(-1, 1, m), told.reshape(-1, 1, m))
    return World(points, truth, told)


def _require_replayable(table: LawTable) -> None:
    table.points()
    table.require_finished()
    for benchmark, values in zip(table.benchmarks, table.performance, strict=True):
        if values.max() == 0:
            raise DataError(
                f"{table.name}: the best performance on '{benchmark}' is 0, of which regret is no percentage.",
                "Leave this benchmark out, or state it in a unit in which the best is above 0.",
            )
    if len(table.settings) <= TOP:
        raise DataError(
            f"{table.name} holds {len(table.settings)} settings, which are all among the top {TOP}.",
            f"Give at least {TOP + 1}.",
        )


def _require_possible(
    table: LawTable, budget: int, trials: int, mode: str, noise: float, subspace: tuple[int, int] | None
) -> None:
    k = len(table.settings)
    if not 0 <= budget <= k:
        raise StudyError(f"A budget of {budget} is impossible with {k} settings.", f"Give 0 to {k}.")
    if trials < 1:
        raise StudyError(f"{trials} trials measure nothing.", "Give at least 1, better 1000.")
    if mode not in list(Mode):
        raise StudyError(f"'{mode}' is not a mode.", f"Use one of: {', '.join(Mode)}.")
    if not 0 <= noise < np.inf:
        raise StudyError(f"A noise of {noise} is impossible.", "Give a relative deviation such as 0.02.")
    if subspace is not None and not TOP < subspace[0] <= subspace[1] <= k:
        raise StudyError(
            f"A subspace of {subspace[0]}:{subspace[1]} settings is impossible with {k}.",
            f"Give low:high with {TOP + 1} <= low <= high <= {k}.",
        )
