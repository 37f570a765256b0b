"""What a sampler's law expects, and how far its word can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.state import Status, StudyState

FEWEST_FOR_RANKING = 2
FEWEST_FOR_ERROR = 3
INTERVAL = 0.80
HALF_WIDTH = 1.2815515655446004
"""Standard errors on either side of the mean that hold 80% of a normal distribution."""


@dataclass(frozen=True)
class Forecast:
    """Predictions for one trial, each ``[b, k]``.

    Attributes:
        mean: NaN where nothing is predicted.
        standard_error: The sampler's own where it has beliefs, else the jackknife's; NaN where it is not known.
        best: Chance that the candidate is the best of all; NaN where the sampler does not know.
        merit: What candidates are ranked by; NaN where they are not.
        low: Lower end of the interval that holds the performance, training noise aside, with a chance of 80%; NaN of
            samplers without beliefs.
        high: Its upper end.
        left_out_error: ``[b]``: by how much a result is missed, root mean square, when it is predicted from the others;
            NaN with fewer than 3 results.
    """

    mean: FloatArray
    standard_error: FloatArray
    best: FloatArray
    merit: FloatArray
    low: FloatArray
    high: FloatArray
    left_out_error: FloatArray


def forecast(sampler: CheckedSampler, state: StudyState) -> Forecast:
    """Predict, with the errors of the predictions.

    A sampler with beliefs is taken at its word. For any other, predictions count from two results on, and their errors
    are the jackknife's, which leaves each result out in turn: ``sqrt((n − 1)/n · Σᵢ (ŷ₋ᵢ − mean ŷ₋ᵢ)²)`` over the n
    results of a benchmark. On the published tables with region sampling, of the untrained settings 63–79% lie within
    one and 83–93% within two such errors after 4 to 10 trainings; after 3 trainings, only 49% and 72–75%.

    Args:
        sampler: Whose law predicts.
        state: One trial.

    Raises:
        PluginError: The sampler failed.
    """
    belief = sampler.belief(state)
    mean, own, best, merit = (values[0] for values in (belief.mean, belief.standard_error, belief.best, belief.merit()))
    if not sampler.believes:
        enough = np.isfinite(state.results[0]).sum(axis=-1, keepdims=True) >= FEWEST_FOR_RANKING
        mean, merit = np.where(enough, mean, np.nan), np.where(enough, merit, np.nan)
    error, missed = _left_out(sampler, state)
    return Forecast(
        mean=mean,
        standard_error=np.where(np.isfinite(own), own, error),
        best=best,
        merit=merit,
        low=mean - HALF_WIDTH * own,
        high=mean + HALF_WIDTH * own,
        left_out_error=missed,
    )


def ranks(merit: FloatArray, mean: FloatArray | None = None) -> FloatArray:
    """Return ranks ``[b, k]`` of merits, 1 for the highest, NaN where there is none.

    Args:
        merit: What is ranked by.
        mean: What decides between equals; then their order does.
    """
    ties = np.zeros(merit.shape) if mean is None else np.where(np.isfinite(mean), -mean, np.inf)
    order = np.lexsort((ties, np.where(np.isfinite(merit), -merit, np.inf)), axis=-1)
    placed = np.empty(merit.shape)
    np.put_along_axis(placed, order, np.broadcast_to(np.arange(1.0, merit.shape[-1] + 1), merit.shape), axis=-1)
    return np.where(np.isfinite(merit), placed, np.nan)


def _left_out(sampler: CheckedSampler, state: StudyState) -> tuple[FloatArray, FloatArray]:
    """Return the jackknife's standard errors ``[b, k]`` and the errors ``[b]`` of results that were left out."""
    results = state.results[0]
    told: IntArray = np.flatnonzero(np.isfinite(results).any(axis=0))
    error, missed = np.full(results.shape, np.nan), np.full(len(results), np.nan)
    if len(told) < FEWEST_FOR_ERROR:
        return error, missed
    left_out = sampler.predict(_without_each(state, told))
    for b, row in enumerate(results):
        used = np.isfinite(row[told])
        n = int(used.sum())
        if n < FEWEST_FOR_ERROR:
            continue
        others: FloatArray = left_out[used, b]
        error[b] = np.sqrt((n - 1) * others.var(axis=0))
        own = others[np.arange(n), told[used]]
        missed[b] = math.sqrt(float(((own - row[told[used]]) ** 2).mean()))
    return error, missed


def repeated(state: StudyState, trials: int) -> StudyState:
    """Return one trial as many times over, each with a status and results of its own to write into."""
    return replace(
        state,
        points=state.points[0],
        status=np.repeat(state.status, trials, axis=0),
        results=np.repeat(state.results, trials, axis=0),
    )


def _without_each(state: StudyState, told: IntArray) -> StudyState:
    """Return one trial per told candidate, in which that candidate's results are unknown."""
    n = len(told)
    without, trials = repeated(state, n), np.arange(n)
    without.status[trials, told] = Status.OPEN
    without.results[trials, :, told] = np.nan
    return without
