"""Positions as MATLAB counts them, and PF-PASCAL's files of keypoints."""

from __future__ import annotations

import math
from pathlib import Path

from visionlaw.datasets.reading import read_bytes
from visionlaw.datasets.records import Point
from visionlaw.errors import DataError
from visionlaw_pf.matfile import read_matrix

MAX_MAT_BYTES = 2**20
MAX_KEYPOINTS = 1000
FIRST_PIXEL = 1.0
"""Where MATLAB has the centre of the first pixel. The README says why these files count so."""


def from_matlab(x: float, y: float) -> Point:
    """Return the position from the centre of the top-left pixel of what MATLAB counts from 1."""
    return x - FIRST_PIXEL, y - FIRST_PIXEL


def read_keypoints(path: Path) -> tuple[Point | None, ...]:
    """Read the variable ``kps`` of a MATLAB file, ``[n, 2]`` of x and y; NaN where a keypoint cannot be seen.

    Returns:
        The positions from the centre of the top-left pixel, None for a keypoint that cannot be seen.

    Raises:
        DataError: The file is not there, too large, damaged, or holds no such variable; the message does not name it.
    """
    table = read_matrix(read_bytes(path, MAX_MAT_BYTES), "kps")
    if table is None:
        raise DataError("It has no variable 'kps'.")
    count = table.shape[0]
    if table.shape != (count, 2) or count > MAX_KEYPOINTS:
        raise DataError(f"Its variable 'kps' has the shape {list(table.shape)}, not [n, 2].")
    return tuple(
        None if math.isnan(x) or math.isnan(y) else from_matlab(x, y)
        for x, y in zip(table.values[:count], table.values[count:], strict=True)
    )
