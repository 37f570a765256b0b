"""Min-max normalisation, the one scaling of A, C and performance (PROTOCOLS §4)."""

from __future__ import annotations

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError


def min_max(values: FloatArray) -> FloatArray:
    """Scale ``[..., k]`` to [0, 1] over the k settings in play; a variable that tells none apart becomes 0."""
    if not values.size:
        return values
    low, high = values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)
    span = high - low
    return np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)


def require_variation(values: FloatArray, name: str) -> None:
    """Refuse a variable ``[k]`` that cannot tell the settings apart.

    Raises:
        DataError: All values are the same; the message calls them ``name``.
    """
    if not values.max() > values.min():
        raise DataError(
            f"{name} is {values.min():g} for all {len(values)} settings: it cannot be normalised.",
            "The law needs settings that differ; add some or leave this benchmark out.",
        )
