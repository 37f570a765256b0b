"""The quadratic with shrunken coefficients, each benchmark for itself: scikit-learn's ridge and Bayesian ridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError
from visionlaw.law.forms import FORMS, design
from visionlaw.law.predictive import Predictive
from visionlaw.law.scales import Scales
from visionlaw.law.tables import LawTable

TERMS = tuple(term for term in FORMS["AC-quadratic"] if term != "1")
STRENGTHS = np.logspace(-3, 3, 25)
"""Strengths of the ridge among which the errors of the fitted settings, each left out in turn, decide."""
FEWEST = 3


@dataclass(frozen=True)
class Ridge:
    """The quadratic by ridge regression, its strength chosen by leave-one-out inside what it is fitted to.

    The scatter is the root mean square of those left-out errors, with as many degrees of freedom as settings less one.
    """

    name: str = "ridge"

    def fit(self, table: LawTable) -> FittedShrunken:
        """Fit all benchmarks of a finished table.

        Raises:
            DataError: Fewer than 3 settings.
        """
        from sklearn.linear_model import RidgeCV  # pyright: ignore[reportMissingTypeStubs]

        estimator: Any = RidgeCV
        fitted = _fit_each(table, self.name, lambda: estimator(alphas=STRENGTHS))
        return FittedShrunken(*fitted, freedom=len(table.settings) - 1)


@dataclass(frozen=True)
class BayesianQuadratic:
    """The quadratic with normal coefficients of mean 0, their spread and the scatter by maximum evidence."""

    name: str = "Bayesian quadratic"

    def fit(self, table: LawTable) -> FittedShrunken:
        """Fit all benchmarks of a finished table.

        Raises:
            DataError: Fewer than 3 settings.
        """
        from sklearn.linear_model import BayesianRidge  # pyright: ignore[reportMissingTypeStubs]

        estimator: Any = BayesianRidge
        return FittedShrunken(*_fit_each(table, self.name, estimator))


@dataclass(frozen=True)
class FittedShrunken:
    """One fitted scikit-learn regressor per benchmark, in standard units."""

    scales: Scales
    regressors: tuple[Any, ...]
    freedom: float = np.inf

    def predict(self, A: FloatArray, C: FloatArray) -> Predictive:
        """Predict results at A and C ``[b, m]``."""
        X = _design(self.scales, A, C)
        both = [_of_one(regressor, rows) for regressor, rows in zip(self.regressors, X, strict=True)]
        mean, scale = (np.stack(part) for part in zip(*both, strict=True))
        performance = self.scales.performance
        return Predictive(performance.back(mean), performance.unit * scale, self.freedom)


def _of_one(regressor: Any, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    if hasattr(regressor, "sigma_"):
        mean, scale = regressor.predict(rows, return_std=True)
    else:
        mean, scale = regressor.predict(rows), np.full(len(rows), np.sqrt(-regressor.best_score_))
    return np.asarray(mean, dtype=np.float64), np.asarray(scale, dtype=np.float64)


def _fit_each(table: LawTable, name: str, estimator: Any) -> tuple[Scales, tuple[Any, ...]]:
    if len(table.settings) < FEWEST:
        raise DataError(
            f"{len(table.settings)} settings are too few for the model '{name}'.",
            f"Give at least {FEWEST} finished settings.",
        )
    scales = Scales.of(table)
    X = _design(scales, table.A, table.C)
    y = scales.performance.onto(table.performance)
    return scales, tuple(estimator().fit(rows, target) for rows, target in zip(X, y, strict=True))


def _design(scales: Scales, A: FloatArray, C: FloatArray) -> FloatArray:
    points = scales.points(A, C)
    return design(points[..., 0], points[..., 1], TERMS)
