"""Shapes of the law as covariances: how alike performance is expected to be at two points of the (A, C) plane.

Points are on the scale of :class:`visionlaw.law.scales.Scales`, performance in standard deviations. Every parameter is
a positive number with a log-normal prior, fixed here once for all tables: its median below, and a factor of two
either way as one standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError, did_you_mean

Covariance = tuple[FloatArray, list[FloatArray]]
"""A covariance, and its derivatives by the logarithm of each parameter."""

PRIOR_SPREAD = 0.7
"""Standard deviation of the logarithm of every parameter."""


@dataclass(frozen=True)
class Kernel:
    """A shape.

    Attributes:
        medians: The parameters and the medians of their priors.
        covariance: From points ``[..., 2]`` and ``[..., 2]`` that broadcast, and the parameters, the covariance
            ``[...]`` of each pair.
        separable: Whether it is a function of A plus one of C.
    """

    medians: Mapping[str, float]
    covariance: Callable[[FloatArray, FloatArray, FloatArray], Covariance]
    separable: bool = False


def kernel_of(shape: str) -> Kernel:
    """Return a shape by name.

    Raises:
        DataError: There is no such shape.
    """
    if shape not in KERNELS:
        hint = did_you_mean(shape, KERNELS) or f"The shapes are {', '.join(KERNELS)}."
        raise DataError(f"'{shape}' is not a shape of the law.", hint)
    return KERNELS[shape]


def _matern(squared: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the Matérn 3/2 correlation at a squared distance, and minus its derivative by the log of the distance."""
    r = np.sqrt(3 * squared)
    decay = np.exp(-r)
    return (1 + r) * decay, r * r * decay


def _additive(x: FloatArray, z: FloatArray, parameters: FloatArray) -> Covariance:
    """A straight line and a smooth deviation from it in A, and the same in C."""
    total, slopes = np.zeros(()), list[FloatArray]()
    for axis, (length, smooth, trend) in enumerate(parameters.reshape(2, 3)):
        correlation, slope = _matern(((x[..., axis] - z[..., axis]) / length) ** 2)
        line = trend**2 * x[..., axis] * z[..., axis]
        bend = smooth**2 * correlation
        total = total + bend + line
        slopes += [smooth**2 * slope, 2 * bend, 2 * line]
    return total, slopes


def _surface(x: FloatArray, z: FloatArray, parameters: FloatArray) -> Covariance:
    """A plane and a smooth deviation from it that may depend on A and C together."""
    lengths, smooth, trends = parameters[:2], parameters[2], parameters[3:]
    apart = [((x[..., axis] - z[..., axis]) / lengths[axis]) ** 2 for axis in (0, 1)]
    lines = [trends[axis] ** 2 * x[..., axis] * z[..., axis] for axis in (0, 1)]
    # Minus the derivative by the log of the distance, shared out by the squares along each axis: r²e⁻ʳ/d² = 3e⁻ʳ.
    r = np.sqrt(3 * (apart[0] + apart[1]))
    decay = smooth**2 * np.exp(-r)
    bend = (1 + r) * decay
    slopes = [3 * decay * square for square in apart]
    return bend + lines[0] + lines[1], [*slopes, 2 * bend, 2 * lines[0], 2 * lines[1]]


def _quadratic(x: FloatArray, z: FloatArray, parameters: FloatArray) -> Covariance:
    """The law's own form: independent normal coefficients of A, C and, with one spread, A², AC, C²."""
    parts = x * z
    by_a, by_c = parts[..., 0], parts[..., 1]
    a, c, square = parameters**2
    terms = [a * by_a, c * by_c, square * (by_a**2 + by_a * by_c + by_c**2)]
    return sum(terms, np.zeros(())), [2 * term for term in terms]


KERNELS: Mapping[str, Kernel] = {
    "quadratic": Kernel({"A": 1.0, "C": 1.0, "square": 0.5}, _quadratic),
    "surface": Kernel({"length A": 1.0, "length C": 1.0, "smooth": 0.5, "trend A": 1.0, "trend C": 1.0}, _surface),
    "additive": Kernel(
        {
            "length A": 1.0,
            "smooth A": 0.5,
            "trend A": 1.0,
            "length C": 1.0,
            "smooth C": 0.5,
            "trend C": 1.0,
        },
        _additive,
        separable=True,
    ),
}
