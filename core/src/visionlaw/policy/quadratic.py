"""The papers' policy prediction: the quadratic law, refitted to whatever has been trained so far."""

from __future__ import annotations

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.law.forms import FORMS, design
from visionlaw.policy.state import StudyState

TERMS = tuple(term for term in FORMS["AC-quadratic"] if term != "1")
NEGLIGIBLE = 1e-10
"""Directions of the design weaker than this share of the strongest are rounding, not information."""


def predict_quadratic(state: StudyState) -> FloatArray:
    """Predict ``[T, b, k]`` by least squares on A, C, A², AC, C² with a free intercept (PROTOCOLS §5).

    With fewer results than coefficients the minimum-norm solution about the mean of the trained is taken. The
    prediction of a trained candidate is the law's too: its own result is not put in its place. NaN where a trial has
    fewer than two results on a benchmark: one point fixes no direction.
    """
    known = np.isfinite(state.results)
    count = known.sum(axis=-1)
    slots = int(count.max(initial=0))
    predicted = np.full(state.results.shape, np.nan)
    if slots < 2:
        return predicted
    # Trained candidates first, so that the fit touches [.., n, 5] however many candidates there are.
    trained = np.argsort(~known, axis=-1, kind="stable")[..., :slots]
    used = np.take_along_axis(known, trained, axis=-1)
    points = np.take_along_axis(state.points, trained[..., None], axis=-2)
    y = np.where(used, np.take_along_axis(state.results, trained, axis=-1), 0.0)
    X = np.where(used[..., None], design(points[..., 0], points[..., 1], TERMS), 0.0)

    n = np.maximum(count, 1)[..., None]
    y_mean, X_mean = y.sum(axis=-1, keepdims=True) / n, X.sum(axis=-2) / n
    weights = _minimum_norm(np.where(used[..., None], X - X_mean[..., None, :], 0.0), np.where(used, y - y_mean, 0.0))
    offset = y_mean - (weights * X_mean).sum(axis=-1, keepdims=True)
    fitted = offset + _evaluate(state.points, weights)
    return np.where(count[..., None] >= 2, fitted, predicted)


def _evaluate(points: FloatArray, weights: FloatArray) -> FloatArray:
    """Return ``[T, b, k]``: the weighted terms at every point, in Horner's form to spare the ``[T, b, k, 5]`` array."""
    A, C = points[..., 0], points[..., 1]
    a, c, a2, ac, c2 = np.moveaxis(weights, -1, 0)[..., None]
    return A * (a + a2 * A + ac * C) + C * (c + c2 * C)


def _minimum_norm(X: FloatArray, y: FloatArray) -> FloatArray:
    """Solve least squares for stacks ``X [..., n, p]`` and ``y [..., n]``: the shortest of the best solutions."""
    U, S, Vt = np.linalg.svd(X, full_matrices=False)
    keep = NEGLIGIBLE * S[..., :1] < S
    inverse = np.divide(1.0, S, out=np.zeros_like(S), where=keep)
    return np.einsum("...jp,...j->...p", Vt, inverse * np.einsum("...nj,...n->...j", U, y))
