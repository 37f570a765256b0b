"""Why a candidate was chosen, in words that follow from the study's data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.forecast import ranks
from visionlaw.policy.regions import FINEST_LEVEL, FIRST_LEVEL, region_of
from visionlaw.policy.state import Status, StudyState


def region_reason(state: StudyState, choice: int) -> str:
    """Say which part of the (A, C) plane region sampling found unexplored (PROTOCOLS §5).

    Args:
        state: One trial, before the choice.
        choice: Index of the chosen candidate.
    """
    points = mean_points(state)
    taken = np.isin(state.status[0], (Status.PENDING, Status.DONE))
    for level in range(FIRST_LEVEL, FINEST_LEVEL + 1):
        regions = region_of(points, level)
        fresh = state.open[0] & ~np.isin(regions, regions[taken])
        if fresh[choice]:
            side, held = 2**level, len(np.unique(regions))
            row, column = divmod(int(regions[choice]), side)
            unexplored, inside = len(np.unique(regions[fresh])), int((regions[fresh] == regions[choice]).sum())
            return (
                f"Region sampling cuts the (A, C) plane into {side}×{side}: of {held} regions with candidates, "
                f"{unexplored} {_have(unexplored)} open ones and nothing trained or running; it drew the one with A in "
                f"{_share(row, side)} and C in {_share(column, side)} of the candidates' range, which has {inside} "
                f"open {_plural('candidate', inside)}."
            )
    return "Every open candidate has the same A and C as one that is trained or running: one was drawn at random."


def random_reason(state: StudyState, choice: int) -> str:
    """Say among how many candidates chance chose."""
    count = int(state.open[0].sum())
    return f"Drawn at random from {count} open {_plural('candidate', count)}."


def situation(
    state: StudyState,
    choice: int,
    names: Sequence[str],
    benchmarks: Sequence[str],
    mean: FloatArray,
    signs: FloatArray,
) -> str:
    """Describe where a candidate lies, what is trained near it, and what is predicted of it.

    Args:
        state: One trial, before the choice.
        choice: Index of the chosen candidate.
        names: The candidates' ids.
        benchmarks: The benchmarks' keys.
        mean: ``[b, k]`` predictions, higher is better; NaN where nothing is predicted.
        signs: ``[b]``: -1 for benchmarks on which lower is better, else 1.
    """
    return f"{_place(state, choice, names)} {_expectation(state, choice, benchmarks, mean, signs)}"


def mean_points(state: StudyState) -> FloatArray:
    """Return ``[k, 2]``: each candidate's normalised A and C, the mean over the benchmarks, of the one trial."""
    return state.points.reshape(-1, state.candidates, 2).mean(axis=0)


def _place(state: StudyState, choice: int, names: Sequence[str]) -> str:
    points = mean_points(state)
    a, c = points[choice]
    place = f"Its A is at {a:.0%} and its C at {c:.0%} of the candidates' range"
    taken = np.flatnonzero(np.isin(state.status[0], (Status.PENDING, Status.DONE)))
    if not len(taken):
        return f"{place}; nothing has been trained yet."
    distances = np.hypot(*(points[taken] - points[choice]).T)
    return f"{place}; the nearest trained or running is {names[int(taken[distances.argmin()])]}."


def _expectation(state: StudyState, choice: int, benchmarks: Sequence[str], mean: FloatArray, signs: FloatArray) -> str:
    results = int(np.isfinite(state.results[0]).any(axis=0).sum())
    told = f"{results} {_plural('result', results)} so far"
    ranked = np.isfinite(mean[:, choice])
    if not ranked.any():
        return f"{told}: no performance is predicted yet."
    places = ranks(mean)[ranked, choice]
    average = np.average(places, weights=None if state.weights is None else state.weights[ranked])
    if len(places) == 1:
        (b,) = np.flatnonzero(ranked)
        return (
            f"{told}: the law expects {signs[b] * mean[b, choice]:.4g} on {benchmarks[int(b)]}, "
            f"rank {places[0]:.0f} of {state.candidates} by expectation."
        )
    return f"{told}: the law expects mean rank {average:.1f} of {state.candidates} over {len(places)} benchmarks."


def _share(cell: int, side: int) -> str:
    if side == FIRST_LEVEL * 2:
        return "the upper half" if cell else "the lower half"
    return f"{cell / side:.0%}–{(cell + 1) / side:.0%}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
