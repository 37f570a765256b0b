"""The simple forms as models: ordinary least squares, each benchmark for itself, with Student-t predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray, inverse
from visionlaw.errors import DataError
from visionlaw.law.forms import design, terms_of, variables_of
from visionlaw.law.monotone import least_squares_under, rising_over_the_square
from visionlaw.law.predictive import Predictive
from visionlaw.law.scales import Scales
from visionlaw.law.tables import LawTable

MEAN = "mean alone"
"""The form without A and C: what every law must beat."""
INDETERMINATE = 1e-9
"""Designs whose weakest direction is below this share of the strongest do not determine the coefficients."""


@dataclass(frozen=True)
class LeastSquares:
    """One of ``forms.FORMS``, or the mean alone, fitted by least squares.

    Attributes:
        form: Its name.
        monotone: Whether performance may fall neither with A nor with C between the fitted settings' extremes. The
            constraint is exact: the gradient of a quadratic is smallest in a corner. The scatter is then counted
            as if no coefficient had been fixed by it, which overstates it.
    """

    form: str
    monotone: bool = False

    @property
    def name(self) -> str:
        """The form; ``, monotone`` where it is constrained."""
        return f"{self.form}, monotone" if self.monotone else self.form

    def fit(self, table: LawTable) -> FittedLeastSquares:
        """Fit all benchmarks of a finished table.

        Raises:
            DataError: Too few settings, or settings that share their A and C, do not determine the coefficients.
        """
        terms, scales = _terms(self.form), Scales.of(table)
        X = _design(scales, table.A, table.C, self.form)
        k, p = X.shape[-2:]
        strength = np.linalg.svd(X, compute_uv=False)
        if k < p + 1 or (strength[:, -1] < INDETERMINATE * strength[:, 0]).any():
            raise DataError(
                f"{k} settings do not determine the {p} coefficients of {self.form} and their error.",
                "Add finished settings, or use a form with fewer terms.",
            )
        y = scales.performance.onto(table.performance)
        spread = inverse(np.einsum("bki,bkj->bij", X, X))
        weights = np.einsum("bij,bkj,bk->bi", spread, X, y)
        if self.monotone:
            sides = rising_over_the_square(terms)
            weights = np.stack([least_squares_under(sides, w, V) for w, V in zip(weights, spread, strict=True)])
        rest = ((y - np.einsum("bki,bi->bk", X, weights)) ** 2).sum(axis=-1)
        return FittedLeastSquares(self.form, scales, weights, spread, np.sqrt(rest / (k - p)), k - p)


@dataclass(frozen=True)
class FittedLeastSquares:
    """Coefficients ``[b, p]`` in standard units, the inverse of XᵀX, the residual error ``[b]``, and its freedom."""

    form: str
    scales: Scales
    weights: FloatArray
    spread: FloatArray
    error: FloatArray
    freedom: int

    def predict(self, A: FloatArray, C: FloatArray) -> Predictive:
        """Predict results at A and C ``[b, m]``: Student-t with k − p degrees of freedom."""
        X = _design(self.scales, A, C, self.form)
        leverage = np.einsum("bmi,bij,bmj->bm", X, self.spread, X)
        mean = np.einsum("bmi,bi->bm", X, self.weights)
        scale = self.error[:, None] * np.sqrt(1 + leverage)
        performance = self.scales.performance
        return Predictive(performance.back(mean), performance.unit * scale, self.freedom)


def _terms(form: str) -> tuple[str, ...]:
    return ("1",) if form == MEAN else terms_of(form)


def _design(scales: Scales, A: FloatArray, C: FloatArray, form: str) -> FloatArray:
    """Return ``[b, m, p]``; what the form does not use becomes 0, whatever it is."""
    used = () if form == MEAN else variables_of(form)
    points = scales.points(A, C)
    a, c = (points[..., i] if name in used else np.zeros(A.shape) for i, name in enumerate("AC"))
    return design(a, c, _terms(form))
