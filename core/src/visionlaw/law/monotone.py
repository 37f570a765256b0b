"""The monotone prior: better alignment or better correspondence does no harm.

A Gaussian belief over some quantities, cut down to the half-spaces where certain sums of them are not negative, has
its peak at ``mean + V Gᵀ λ`` with multipliers λ ≥ 0. They solve a non-negative least-squares problem, so that scipy's
``nnls`` (Lawson and Hanson's algorithm) serves both least squares and Gaussian processes.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray

SLACK = 1e-6
"""Added to the variance of each constrained sum, as a share of their mean: neighbouring ones are nearly dependent."""


def multipliers(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the multipliers λ ``[g]`` that lift g sums of given mean and covariance until none is negative.

    They minimise ``λᵀ V λ / 2 + λᵀ mean`` over λ ≥ 0; all are 0 where no sum is negative.
    """
    if (mean >= 0).all():
        return np.zeros(len(mean))
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    library: Any = optimize
    slack = SLACK * float(np.trace(covariance)) / len(mean)
    root = np.linalg.cholesky(covariance + slack * np.eye(len(mean))).astype(np.float64)
    return np.asarray(library.nnls(root.T, -np.linalg.solve(root, mean))[0], dtype=np.float64)


def least_squares_under(sides: FloatArray, weights: FloatArray, spread: FloatArray) -> FloatArray:
    """Return the least-squares coefficients ``[p]`` among those with ``sides [g, p] · coefficients ≥ 0``.

    Args:
        sides: The half-spaces.
        weights: The coefficients without constraint.
        spread: The inverse of XᵀX.
    """
    return weights + spread @ sides.T @ multipliers(sides @ weights, sides @ spread @ sides.T)


def rising_over_the_square(terms: tuple[str, ...]) -> FloatArray:
    """Return the half-spaces ``[g, p]`` in which a form falls neither with A nor with C on −1…1.

    A quadratic's gradient is linear in A and C: if it is not negative in the four corners, it is so nowhere between.
    """
    corners = list(product((-1.0, 1.0), repeat=2))
    gradients: list[dict[str, float]] = [
        *({"A": 1.0, "A2": 2 * a, "AC": c} for a, c in corners),
        *({"C": 1.0, "C2": 2 * c, "AC": a} for a, c in corners),
    ]
    rows = np.array([[gradient.get(term, 0.0) for term in terms] for gradient in gradients])
    return np.unique(rows[rows.any(axis=1)], axis=0)
