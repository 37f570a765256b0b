"""Fitting the law to one benchmark: ordinary least squares, with the statistics that keep it honest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError
from visionlaw.law.forms import CONTROLS, design, terms_of, variables_of
from visionlaw.law.normalise import min_max, require_variation
from visionlaw.law.statistics import bootstrap_intervals, quality


class Prediction(NamedTuple):
    """What the law expects, in the unit of the performance it was fitted to.

    Attributes:
        mean: ``[...]`` expected performance.
        standard_error: ``[...]`` standard error of that expectation. A single finetuning scatters around it by
            ``Law.residual_error`` more: its own standard error is the root of the sum of the squares.
    """

    mean: FloatArray
    standard_error: FloatArray


@dataclass(frozen=True)
class Law:
    """A fitted law of one benchmark.

    Attributes:
        form: Its form, for instance ``AC-quadratic``.
        settings: k, how many settings it was fitted to.
        coefficients: By term, for A, C and performance min-max normalised over the settings.
        intervals: 95% bootstrap interval of each coefficient; empty when fitted with ``draws=0``.
        r2: Share of the variance explained, in the sample.
        adjusted_r2: The same, corrected for the number of terms.
        loo_r2: Leave-one-setting-out R²: each setting predicted by a law fitted without it; NaN when some setting is
            indispensable. Negative when the law predicts worse than the mean.
        residual_error: Standard error of the residuals, in the unit of the performance.
    """

    form: str
    settings: int
    coefficients: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    r2: float
    adjusted_r2: float
    loo_r2: float
    residual_error: float
    _ranges: FloatArray = field(repr=False)
    _covariance: FloatArray = field(repr=False)

    def predict(self, A: ArrayLike, C: ArrayLike) -> Prediction:
        """Predict the performance at A and C ``[...]``, given in the units that the law was fitted to.

        Outside the range of the settings it extrapolates, and the standard error grows accordingly.
        """
        a, c = (_onto(np.asarray(value, dtype=np.float64), self._ranges[i]) for i, value in enumerate((A, C)))
        rows = design(a, c, tuple(self.coefficients))
        low, high = self._ranges[2]
        mean = low + (high - low) * (rows @ np.array(list(self.coefficients.values())))
        variance = np.einsum("...i,ij,...j->...", rows, self._covariance, rows)
        return Prediction(mean, (high - low) * np.sqrt(np.maximum(variance, 0.0)))


def fit(
    A: ArrayLike, C: ArrayLike, y: ArrayLike, form: str = "AC-quadratic", *, draws: int = 1000, seed: int = 0
) -> Law:
    """Fit performance as a function of alignment and correspondence (PROTOCOLS §4).

    A, C and y are min-max normalised over the settings, then fitted by ordinary least squares. Whether the
    normalisation is repeated inside the leave-one-out makes no difference: every form spans the same functions after
    A or C is shifted and scaled.

    Args:
        A: ``[k]`` alignment of the settings, any unit. What the form does not use may be constant or NaN.
        C: ``[k]`` correspondence of the settings, any unit; the same.
        y: ``[k]`` performance of the settings.
        form: One of ``forms.FORMS``.
        draws: Resamplings of the settings for the intervals; 0 leaves them out.
        seed: Seed of the resampling.

    Raises:
        DataError: An unknown form, arrays that do not match, a variable of the form that is constant or not finite,
            fewer settings than the form needs, or settings that do not determine its coefficients.
    """
    if form in CONTROLS:
        raise DataError(
            f"'{form}' is a control, not a law that can predict.",
            "Use visionlaw.law.control.control for its R².",
        )
    terms = terms_of(form)
    raw = _vectors(A, C, y, form)
    a, c, target = map(min_max, raw)
    X = design(a, c, terms)
    _require_determined(X, form)
    coefficients: FloatArray = np.linalg.lstsq(X, target, rcond=None)[0].astype(np.float64)
    measured = quality(X, target)
    variance = float((measured.residuals**2).sum() / (len(target) - len(terms)))
    inverse: FloatArray = np.linalg.inv(X.T @ X).astype(np.float64)
    return Law(
        form=form,
        settings=len(target),
        coefficients=_named(terms, coefficients),
        intervals=MappingProxyType(dict(zip(terms, bootstrap_intervals(X, target, draws, seed), strict=False))),
        r2=float(measured.r2),
        adjusted_r2=float(measured.adjusted_r2),
        loo_r2=float(measured.loo_r2),
        residual_error=float(np.ptp(raw[2]) * np.sqrt(variance)),
        _ranges=np.array([(v.min(), v.max()) for v in raw]),
        _covariance=variance * inverse,
    )


def _named(terms: tuple[str, ...], values: FloatArray) -> Mapping[str, float]:
    return MappingProxyType({term: float(value) for term, value in zip(terms, values, strict=True)})


def _onto(values: FloatArray, ends: FloatArray) -> FloatArray:
    """Scale values as the settings were; a variable that the form does not use becomes 0."""
    low, high = ends
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _vectors(A: ArrayLike, C: ArrayLike, y: ArrayLike, form: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Check what the form uses; what it does not use becomes 0, whatever it is."""
    vectors = {name: np.asarray(v, dtype=np.float64) for name, v in (("A", A), ("C", C), ("Performance", y))}
    if any(v.ndim != 1 for v in vectors.values()) or len({v.shape for v in vectors.values()}) > 1:
        shapes = ", ".join(str(v.shape) for v in vectors.values())
        raise DataError(f"A, C and y have shapes {shapes}.", "Give three vectors with one value per setting.")
    used = (*variables_of(form), "Performance")
    for name in used:
        v = vectors[name]
        if not np.isfinite(v).all():
            where = int(np.flatnonzero(~np.isfinite(v))[0])
            raise DataError(f"{name} of setting {where} is {v[where]}.", "Fit finished settings only.")
        require_variation(v, name)
    a, c, target = (v if name in used else np.zeros_like(v) for name, v in vectors.items())
    return a, c, target


def _require_determined(X: FloatArray, form: str) -> None:
    """Refuse a fit that leaves no residual, or no single answer."""
    k, p = X.shape
    if k < p + 1:
        raise DataError(
            f"{k} settings cannot support {form}: its {p} coefficients need at least {p + 1}.",
            "Add finished settings, or use a form with fewer terms, such as '--form A-linear' with 2.",
        )
    if np.linalg.matrix_rank(X) < p:
        raise DataError(
            f"These {k} settings do not determine the {p} coefficients of {form}: too many share their A and C.",
            "Add settings elsewhere in the (A, C) plane, or use a form with fewer terms.",
        )
