"""Positions as MATLAB counts them, and the MATLAB files of PF-PASCAL that hold them."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from visionlaw.datasets.reading import read_bytes
from visionlaw.datasets.records import Point
from visionlaw.errors import DataError

MAX_MAT_BYTES = 2**20
MAX_KEYPOINTS = 1000
FIRST_PIXEL = 1.0
"""Where MATLAB has the centre of the first pixel. The README says why these files count so."""

# What scipy raises on files that are not MATLAB's, are of version 7.3 (HDF5), or are damaged.
_BROKEN = (
    MatReadError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def from_matlab(x: float, y: float) -> Point:
    """Return the position from the centre of the top-left pixel of what MATLAB counts from 1."""
    return x - FIRST_PIXEL, y - FIRST_PIXEL


def read_keypoints(path: Path) -> tuple[Point | None, ...]:
    """Read the variable ``kps`` of a MATLAB file, ``[n, 2]`` of x and y; NaN where a keypoint cannot be seen.

    Returns:
        The positions from the centre of the top-left pixel, None for a keypoint that cannot be seen.

    Raises:
        DataError: The file is not there, too large, or holds no such variable; the message does not name it.
    """
    table = _load(read_bytes(path, MAX_MAT_BYTES)).get("kps")
    if table is None:
        raise DataError("It has no variable 'kps'.")
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "fiu":
        raise DataError("Its variable 'kps' holds no numbers.")
    positions = cast("NDArray[Any]", table)
    if positions.ndim != 2 or positions.shape[1] != 2 or len(positions) > MAX_KEYPOINTS:
        raise DataError(f"Its variable 'kps' has the shape {list(positions.shape)}, not [n, 2].")
    return tuple(
        None if np.isnan(row).any() else from_matlab(float(row[0]), float(row[1]))
        for row in positions.astype(np.float64)
    )


def _load(content: bytes) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of variables that nobody asks for
            return cast("dict[str, Any]", loadmat(io.BytesIO(content), variable_names=["kps"]))
    except _BROKEN as error:
        raise DataError("It is not a MATLAB file of version 5, or it is damaged.") from error
