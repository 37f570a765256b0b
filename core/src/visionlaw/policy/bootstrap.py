"""Bootstrap intervals: how much a mean over trials and benchmarks would vary with others of them."""

from __future__ import annotations

import numpy as np

from visionlaw.arrays import FloatArray

RESAMPLES = 1000
LEVEL = 0.95


def resampled_means(values: FloatArray, seed: int = 0, resamples: int = RESAMPLES) -> FloatArray:
    """Return means ``[R, n]`` of values ``[T, b, n]``, each over benchmarks and trials drawn with replacement.

    In each of the R resamples, b of the b benchmarks and T of the T trials are drawn, the trials alike for all
    benchmarks: a trial's settings, and in joint mode its choices, belong to all of them together. That the table could
    have held other settings is left out.
    """
    rng = np.random.default_rng(seed)
    trials, benchmarks, steps = values.shape
    trial_share = rng.multinomial(trials, np.full(trials, 1 / trials), size=resamples) / trials
    benchmark_share = rng.multinomial(benchmarks, np.full(benchmarks, 1 / benchmarks), size=resamples) / benchmarks
    by_benchmark = (trial_share @ values.reshape(trials, -1)).reshape(resamples, benchmarks, steps)
    return np.einsum("rb,rbn->rn", benchmark_share, by_benchmark)


def interval(means: FloatArray, level: float = LEVEL) -> FloatArray:
    """Return ``[n, 2]``: between which quantiles of resampled means ``[R, n]`` the level lies."""
    tail = (1 - level) / 2
    return np.quantile(means, [tail, 1 - tail], axis=0).T
