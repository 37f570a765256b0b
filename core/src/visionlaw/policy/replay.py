"""The replay: what a policy would have found, simulated on a finished table (PROTOCOLS §5)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.errors import DataError, StudyError, did_you_mean
from visionlaw.law.normalise import min_max
from visionlaw.law.published import LAWS
from visionlaw.law.tables import LawTable
from visionlaw.modes import Mode
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.course import Course, Watch, World, run_course
from visionlaw.policy.outcome import TOP, Replay
from visionlaw.policy.splits import Part, Split, parts, require_prior
from visionlaw.protocols import Sampler

__all__ = ["Replay", "replay", "training_noise"]

CHUNK = 4_000_000
"""Cells (trial × benchmark × setting) that are simulated at once, to bound memory on large tables."""
ROUNDING = 1.001
"""The published gaps are rounded to three digits: the runner-up that a gap was measured on is to be within it."""


def replay(
    table: LawTable,
    sampler: Sampler,
    budget: int,
    trials: int = 1000,
    seed: int = 0,
    mode: Mode = Mode.SINGLE,
    noise: float = 0.0,
    subspace: tuple[int, int] | None = None,
    prior: str | LawTable | None = None,
    watch: Watch | None = None,
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
        prior: What the sampler is told of other benchmarks: ``leave-one-benchmark-out`` or ``strict``
            (:class:`visionlaw.policy.splits.Split`), or another table, without the benchmarks of the study. None:
            nothing. The past is as the tables tell it, without noise.
        watch: Is shown every state of every trial with what the sampler believes in it.

    Raises:
        DataError: The table is unfinished, too small, or constant in A or C.
        StudyError: An impossible budget, number of trials, noise, subspace or prior.
        PluginError: The sampler failed, or answered with something that is no choice or no prediction.
    """
    split = _split(prior)
    _require_replayable(table)
    _require_possible(table, budget, trials, mode, noise, subspace)
    require_prior(table, split, Mode(mode), subspace)
    seeds = np.random.SeedSequence(seed).spawn(4)
    choices, told, ties, subsets = (np.random.default_rng(s) for s in seeds)
    shape = (trials, len(table.benchmarks))
    checked = CheckedSampler.of(sampler)
    course = Course.empty((*shape, budget + 1))
    observed = noise * told.standard_normal((*shape, len(table.settings)))
    for members, chosen in _groups(table, trials, subspace, subsets):
        for part in parts(table, split, Mode(mode), members, chosen):
            world = _world(table, part, observed, mode)
            done = run_course(world, checked, budget, choices, ties, watch)
            course.put(part.chosen, part.rows, done.reshaped((len(part.chosen), len(part.rows), budget + 1)))
    named = prior.name if isinstance(prior, LawTable) else prior
    return Replay(table.name, checked.name, Mode(mode), table.benchmarks, course, named)


def training_noise(table: LawTable) -> FloatArray:
    """Return ``[b]``: how much may be lost on each benchmark and be training noise, in % of the optimum.

    That is the published gap between the best and the second-best setting (ICLR Table 9, PROTOCOLS §4), for a benchmark
    without one the gap in the table itself.
    """
    gaps = LAWS["iclr2025"].gaps
    ordered = np.sort(table.performance, axis=-1)
    own = 100.0 * (ordered[:, -1] - ordered[:, -2]) / np.abs(ordered[:, -1])
    return np.array([ROUNDING * gaps.get(name, gap) for name, gap in zip(table.benchmarks, own, strict=True)])


def _split(prior: str | LawTable | None) -> Split | LawTable | None:
    if prior is None or isinstance(prior, LawTable):
        return prior
    if prior not in list(Split):
        hint = did_you_mean(prior, Split) or f"Use one of: {', '.join(Split)}; or give a table."
        raise StudyError(f"'{prior}' is not a split.", hint)
    return Split(prior)


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


def _world(table: LawTable, part: Part, error: FloatArray, mode: Mode) -> World:
    """Cut the table down to each trial's members; single mode makes every benchmark a trial of its own."""
    at = part.members[:, None, :]
    rows = part.rows[None, :, None]
    truth = table.performance[rows, at]
    told = truth * (1.0 + error[part.chosen[:, None, None], rows, at])
    points = np.stack([min_max(table.A[rows, at]), min_max(table.C[rows, at])], axis=-1)
    tolerance = np.broadcast_to(training_noise(table)[part.rows], truth.shape[:2])
    if mode == Mode.SINGLE:
        m = part.members.shape[1]
        cells = (points.reshape(-1, 1, m, 2), truth.reshape(-1, 1, m), told.reshape(-1, 1, m), tolerance.reshape(-1, 1))
        return World(*cells, past=part.past)
    return World(points, truth, told, tolerance, part.past)


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
