"""How good a least-squares fit is: in the sample, out of it, and how firm its coefficients are.

All functions work on a stack of designs at once, ``X [..., k, p]`` and ``y [..., k]``: the controls need thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray

INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap intervals."""


@dataclass(frozen=True)
class Quality:
    """R² of a stack of fits, ``[...]`` each, and their residuals ``[..., k]``."""

    r2: FloatArray
    adjusted_r2: FloatArray
    loo_r2: FloatArray
    residuals: FloatArray


def quality(X: FloatArray, y: FloatArray) -> Quality:
    """Measure the fits of ``y [..., k]`` by ``X [..., k, p]``, intercept included in X.

    Leave-one-out needs no refitting: the residual of a setting that was left out is ``e / (1 - h)``, h its leverage.
    It is NaN where a leverage is 1, that is where the others do not determine the coefficients.
    """
    k, p = X.shape[-2:]
    basis, _ = np.linalg.qr(X)
    fitted = np.einsum("...ki,...i->...k", basis, np.einsum("...ki,...k->...i", basis, y))
    residuals = y - fitted
    total = ((y - y.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    r2 = 1.0 - (residuals**2).sum(axis=-1) / total
    slack = 1.0 - (basis**2).sum(axis=-1)
    left_out = residuals / np.where(slack > 1e-9, slack, np.nan)
    return Quality(
        r2=r2,
        adjusted_r2=1.0 - (1.0 - r2) * (k - 1) / (k - p),
        loo_r2=1.0 - (left_out**2).sum(axis=-1) / total,
        residuals=residuals,
    )


def bootstrap_intervals(X: FloatArray, y: FloatArray, draws: int, seed: int) -> list[tuple[float, float]]:
    """Return the 95% percentile interval of each coefficient over resamplings of the settings.

    Normalisation stays that of all settings, so that the coefficients of all draws mean the same. Draws whose settings
    do not determine the coefficients (fewer than p distinct ones) say nothing about them and are left out.

    Args:
        X: ``[k, p]``.
        y: ``[k]``.
        draws: How many resamplings; 0 returns an empty list.
        seed: Seed of the resampling.
    """
    if draws == 0:
        return []
    k, p = X.shape
    chosen = np.random.default_rng(seed).integers(0, k, size=(draws, k))
    U, S, Vt = np.linalg.svd(X[chosen], full_matrices=False)
    determined = S[:, -1] > S[:, 0] * k * np.finfo(np.float64).eps * 1e3
    if not determined.any():
        return [(np.nan, np.nan)] * p
    parts = np.einsum("dkp,dk->dp", U[determined], y[chosen[determined]]) / S[determined]
    coefficients = np.einsum("dpj,dp->dj", Vt[determined], parts)
    low, high = np.percentile(coefficients, INTERVAL, axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
