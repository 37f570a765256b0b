"""The types of numpy arrays; shapes stand in the docstrings of what takes or returns them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def inverse(matrices: FloatArray) -> FloatArray:
    """Return the inverses of ``[..., n, n]``, as the type that numpy's own stubs don't promise."""
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)
