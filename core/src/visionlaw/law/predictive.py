"""Predictive distributions: what a model of the law says of a result that it has not seen, error included."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray, IntArray
from visionlaw.errors import DataError

LEVELS = (0.80, 0.95)
"""The levels at which intervals are reported."""


@dataclass(frozen=True)
class Predictive:
    """Student-t distributions of single results, ``[b, m]``: a finetuning's scatter is in them.

    Attributes:
        mean: Expected performance, in the benchmark's own unit.
        scale: Scale around it, in the same unit.
        freedom: Degrees of freedom; infinity for the normal distribution. One number, or ``[b, m]``.
    """

    mean: FloatArray
    scale: FloatArray
    freedom: float | FloatArray = math.inf

    def taken(self, settings: IntArray) -> Predictive:
        """Return the predictions of some settings, by number, in that order."""
        freedom = np.broadcast_to(self.freedom, self.mean.shape)
        return Predictive(self.mean[:, settings], self.scale[:, settings], freedom[:, settings])

    def interval(self, level: float, widening: float | FloatArray = 1.0) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the central interval that holds the result with probability ``level``.

        Args:
            level: Between 0 and 1.
            widening: What the half width is multiplied by: see :meth:`visionlaw.law.evidence.Evidence.widening`.
        """
        half = widening * quantile(level, self.freedom) * self.scale
        return self.mean - half, self.mean + half

    def covers(self, results: FloatArray, level: float, widening: float | FloatArray = 1.0) -> BoolArray:
        """Return where the interval holds the results ``[b, m]``."""
        low, high = self.interval(level, widening)
        return (low <= results) & (results <= high)

    def log_density(self, results: FloatArray) -> FloatArray:
        """Return the logarithm of the density at the results ``[b, m]``, in the benchmark's own unit."""
        from scipy import special  # pyright: ignore[reportMissingTypeStubs]

        functions: Any = special
        z2 = ((results - self.mean) / self.scale) ** 2
        freedom = np.broadcast_to(self.freedom, z2.shape)
        n = np.where(np.isinf(freedom), 1.0, freedom)
        constant = functions.gammaln((n + 1) / 2) - functions.gammaln(n / 2) - 0.5 * np.log(n * np.pi)
        student = constant - (n + 1) / 2 * np.log1p(z2 / n)
        normal = -0.5 * (z2 + math.log(2 * math.pi))
        return np.where(np.isinf(freedom), normal, student) - np.log(self.scale)


def joined(parts: Iterable[Predictive]) -> Predictive:
    """Put predictions of different settings ``[b, m]`` side by side."""
    each = list(parts)
    freedoms = [np.broadcast_to(part.freedom, part.mean.shape) for part in each]
    return Predictive(
        np.concatenate([part.mean for part in each], axis=-1),
        np.concatenate([part.scale for part in each], axis=-1),
        np.concatenate(freedoms, axis=-1),
    )


def quantile(level: float, freedom: float | FloatArray) -> FloatArray:
    """Return how many scales the central interval of a level reaches to either side, in the shape of ``freedom``.

    Raises:
        DataError: The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise DataError(f"An interval cannot hold {level:g} of the results.", "Give a level between 0 and 1: 0.8.")
    # What imports the law does not wait for scipy.
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    functions: Any = special
    upper, freedom = (1 + level) / 2, np.asarray(freedom, dtype=np.float64)
    student: FloatArray = functions.stdtrit(np.where(np.isinf(freedom), 1.0, freedom), upper)
    return np.where(np.isinf(freedom), functions.ndtri(upper), student)
