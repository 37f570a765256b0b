"""The formats in which features are written."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """``safetensors`` and ``npy`` need nothing more; ``zarr`` and ``parquet`` are extras of visionlaw."""

    SAFETENSORS = "safetensors"
    NPY = "npy"
    ZARR = "zarr"
    PARQUET = "parquet"
