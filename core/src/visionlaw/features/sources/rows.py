"""Rows of data sets: where in them the image is, and what it is called.

Hugging Face rows have a column ``image``; WebDataset samples have ``__key__`` and the image under its suffix; torch
data sets yield the image alone or first in a tuple. None of these libraries is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from visionlaw.errors import DataError
from visionlaw.features.formats import SUFFIXES, suffix_of

COLUMN = "image"
KEY = "__key__"
SHARD = "__url__"

_UNDECODED = {"bytes", "path"}  # what Hugging Face calls an image that is not decoded


def is_row(item: object) -> bool:
    """Whether this is one row, not a collection by name."""
    if not isinstance(item, Mapping):
        return False
    keys = set(cast("Mapping[str, Any]", item))
    return COLUMN in keys or KEY in keys or keys == _UNDECODED


def row_image(row: Mapping[str, Any], name: str) -> Any:
    """Return what a row holds as its image: encoded bytes, a path, or an image in memory.

    Args:
        row: With a column ``image``, or one whose name is or ends in the suffix of an image.
        name: Names the row where it has none.

    Raises:
        DataError: It has no such column, or nothing in it.
    """
    column = image_column(row)
    if column is None and set(row) != _UNDECODED:
        raise DataError(
            f"'{name}' has no image but {', '.join(map(repr, row)) or 'nothing'}.", f"Call the column '{COLUMN}'."
        )
    image = row if column is None else row[column]
    if isinstance(image, Mapping):
        encoded = cast("Mapping[str, Any]", image)
        image = encoded.get("path") if encoded.get("bytes") is None else encoded["bytes"]
    if image is None:
        raise DataError(f"'{name}' holds no image: there is nothing in it.", "Take it out of the data set.")
    return image


def image_column(row: Mapping[str, Any]) -> str | None:
    """Return the key of a row's image: ``image``, else the first that is or ends in the suffix of an image."""
    if COLUMN in row:
        return COLUMN
    return next((key for key in row if suffix_of(f"_.{key}") in SUFFIXES), None)


def undecoded(dataset: Any) -> Any:
    """Return a Hugging Face data set whose images come as bytes, so that workers decode them; others as they are.

    A transform that the user has set, or a mode that images are converted to, is left to the library.
    """
    features: object = getattr(dataset, "features", None)
    known = isinstance(features, Mapping) and all(
        hasattr(dataset, name) for name in ("cast_column", "select_columns", "with_format", "format", "__getitem__")
    )
    feature = cast("Mapping[str, Any]", features).get(COLUMN) if known else None
    if not getattr(feature, "decode", False) or getattr(feature, "mode", None) is not None:
        return dataset
    if dataset.format["type"] == "custom":
        return dataset
    with_bytes = dataset.select_columns([COLUMN]).with_format(None)
    return with_bytes.cast_column(COLUMN, replace(cast("Any", feature), decode=False))


class Indexed:
    """A data set that is read by index: by workers, but by one at a time, since nothing says that it bears more."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.lock = threading.Lock()

    def read(self, index: int) -> Any:
        """Return the row of an index."""
        with self.lock:
            return self.dataset[index]


def is_indexed(images: object) -> bool:
    """Whether this can be read by index only, as torch's map-style data sets."""
    return not hasattr(images, "__iter__") and hasattr(images, "__getitem__") and hasattr(images, "__len__")
