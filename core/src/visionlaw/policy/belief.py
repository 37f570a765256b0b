"""What a sampler believes of the candidates: expectations, their errors, and the chance of being the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.state import Status, StudyState


@dataclass(frozen=True)
class Belief:
    """Beliefs on T trials, b benchmarks and k candidates, each ``[T, b, k]``.

    Attributes:
        mean: Expected performance in the benchmark's own unit, higher is better; NaN where nothing can be said.
        standard_error: Of a finetuning's result around it, in the same unit; NaN where the sampler does not know.
        best: Probability that the candidate is the best of all candidates, trained ones included; NaN where the
            sampler does not know.
    """

    mean: FloatArray
    standard_error: FloatArray
    best: FloatArray

    @classmethod
    def of_mean(cls, mean: FloatArray) -> Belief:
        """Return the belief of a sampler that only predicts."""
        unknown = np.full(mean.shape, np.nan)
        return cls(mean, unknown, unknown)

    def merit(self) -> FloatArray:
        """Return what candidates are ranked by, ``[T, b, k]``: the chance of being best, else the expectation."""
        return np.where(np.isfinite(self.best).any(axis=-1, keepdims=True), self.best, self.mean)


def independent_chance(belief: Belief, state: StudyState, delta: float) -> FloatArray:
    """Return ``[T, b]``: the chance that an untrained candidate beats the best result told, were all independent.

    Args:
        belief: Expectations with their errors.
        state: The trials; pending candidates count as untrained, failed ones not at all.
        delta: The margin, as a share of the best result told.
    """
    from scipy.special import log_ndtr  # pyright: ignore[reportMissingTypeStubs]

    told = np.isfinite(state.results).any(axis=-1)
    best = np.where(np.isfinite(state.results), state.results, -np.inf).max(axis=-1, initial=-np.inf)
    best = np.where(told, best, np.nan)
    bar = (best + delta * np.abs(best))[..., None]
    untrained = np.isin(state.status, (Status.OPEN, Status.PENDING))[:, None, :] & ~np.isfinite(state.results)
    error = np.where(belief.standard_error > 0, belief.standard_error, np.nan)
    certain = np.where(belief.mean > bar, -np.inf, 0.0)  # nobody doubts a prediction without an error
    below = np.where(belief.standard_error == 0, certain, log_ndtr((bar - belief.mean) / error))
    return -np.expm1(np.where(untrained, below, 0.0).sum(axis=-1)) + np.where(told, 0.0, np.nan)
