"""The regions of the normalised (A, C) square that region sampling explores (PROTOCOLS §5)."""

from __future__ import annotations

import numpy as np

from visionlaw.arrays import FloatArray, IntArray

FIRST_LEVEL = 1
FINEST_LEVEL = 20
"""At 2^20 regions per side two candidates of one region have the same scores for all that matters."""


def region_of(points: FloatArray, level: int) -> IntArray:
    """Return the region ``[...]`` of points ``[..., 2]`` in [0, 1]² at a level: 2^level regions per side.

    A coordinate of exactly 1 falls in the last region.
    """
    side = 2**level
    cells = np.minimum((points * side).astype(np.int64), side - 1)
    return cells[..., 0] * side + cells[..., 1]
