"""What a sampler believes of the candidates: expectations, their errors, and the chance of being the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray


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
