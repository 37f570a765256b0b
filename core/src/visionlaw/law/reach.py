"""How far the fitted settings reach: beyond, every law extrapolates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray
from visionlaw.law.scales import Scales
from visionlaw.law.tables import LawTable

OUTSIDE = 1e-6
"""Distance from the hull, in half ranges, below which a point lies on it."""


@dataclass(frozen=True)
class Reach:
    """The convex hull of the fitted settings in the (A, C) plane of each benchmark."""

    scales: Scales
    points: FloatArray

    @classmethod
    def of(cls, table: LawTable) -> Reach:
        """Take it from the settings of a table."""
        scales = Scales.of(table)
        return cls(scales, scales.points(table.A, table.C))

    def distance(self, A: FloatArray, C: FloatArray) -> FloatArray:
        """Return how far points ``[b, m]`` lie outside the hull: 0 within, 1 is half the settings' range."""
        points = self.scales.points(A, C)
        each = [[_distance(hull, point) for point in row] for hull, row in zip(self.points, points, strict=True)]
        return np.array(each, dtype=np.float64).reshape(A.shape)

    def extrapolates(self, A: FloatArray, C: FloatArray) -> BoolArray:
        """Return which points ``[b, m]`` lie outside the hull: no fitted settings surround them."""
        return self.distance(A, C) > OUTSIDE


def _distance(hull: FloatArray, point: FloatArray) -> float:
    """Return the distance of a point ``[2]`` from the convex hull of ``[k, 2]``, flat ones included.

    The nearest mixture of the settings: non-negative weights, whose sum is held at 1 by a heavy row.
    """
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    library: Any = optimize
    heavy = 1e4 * (1.0 + float(np.abs(point).max()))
    rows = np.vstack([hull.T, np.full(len(hull), heavy)])
    weights = np.asarray(library.nnls(rows, np.append(point, heavy))[0], dtype=np.float64)
    nearest = hull.T @ (weights / weights.sum())
    return float(np.linalg.norm(point - nearest))
