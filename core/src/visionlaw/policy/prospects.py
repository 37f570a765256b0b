"""What a finetuning promises before it is run: its result, and how much surer of the best one would be after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.answers import Prospect
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.forecast import forecast, repeated
from visionlaw.policy.state import Status, StudyState

IMAGINED = 9
"""Results of a run that are imagined to see what it would teach: quantiles in equal steps of chance."""


def prospects(
    sampler: CheckedSampler, state: StudyState, choice: int, benchmarks: Sequence[str], signs: FloatArray
) -> dict[str, Prospect]:
    """Return what finetuning a candidate promises on each benchmark.

    Args:
        sampler: Whose beliefs count.
        state: One trial, before the choice.
        choice: Index of the candidate.
        benchmarks: Their keys.
        signs: ``[b]``: -1 for benchmarks on which lower is better, else 1.

    Raises:
        PluginError: The sampler failed.
    """
    known = forecast(sampler, state)
    ends = np.sort(np.stack([signs * known.low[:, choice], signs * known.high[:, choice]]), axis=0)
    sure, after = known.best.max(axis=-1), expected_sureness(sampler, state, choice)
    return {
        benchmark: Prospect(
            predicted=_number(signs[b] * known.mean[b, choice]),
            standard_error=_number(known.standard_error[b, choice]),
            interval=(float(ends[0, b]), float(ends[1, b])) if np.isfinite(ends[:, b]).all() else None,
            best=_number(known.best[b, choice]),
            sure=_number(sure[b]),
            sure_after=_number(after[b]),
        )
        for b, benchmark in enumerate(benchmarks)
    }


def expected_sureness(sampler: CheckedSampler, state: StudyState, choice: int) -> FloatArray:
    """Return ``[b]``: the expected chance, after a run, that the candidate which then looks best is the best.

    Nine results are imagined as the sampler believes them, and it is asked what it would believe then. On several
    benchmarks the quantiles are combined in an order drawn once and for all, as if results were independent. NaN where
    the sampler does not know chances, and everywhere as long as it expects no result on any benchmark: without a unit
    there is nothing to imagine. It is an estimate: nine imagined results, and beliefs that are themselves sampled.

    Args:
        sampler: Whose beliefs count.
        state: One trial, before the run.
        choice: Index of the candidate.

    Raises:
        PluginError: The sampler failed.
    """
    belief = sampler.belief(state)
    mean, error = belief.mean[0, :, choice], belief.standard_error[0, :, choice]
    if not np.isfinite(error).any():
        return np.full(len(mean), np.nan)
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / IMAGINED) for i in range(IMAGINED)])
    orders = np.random.default_rng(0).permuted(np.tile(quantiles, (len(mean), 1)), axis=-1)
    imagined = repeated(state, IMAGINED)
    imagined.status[:, choice] = Status.DONE
    imagined.results[:, :, choice] = (mean[:, None] + error[:, None] * orders).T
    return sampler.belief(imagined).best.max(axis=-1).mean(axis=0)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
