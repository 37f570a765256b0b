"""One item of what was passed: its name, and the image in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from visionlaw.errors import DataError
from visionlaw.features.sources.memory import is_pixels, pixels_source
from visionlaw.features.sources.rows import KEY, SHARD, image_column, is_row, row_image
from visionlaw.features.sources.source import Source, bad_source, encoded_source, file_source, numbered
from visionlaw.protocols import ImageRef

KINDS = "Pass paths, a folder, tar shards, Pillow images, arrays, tensors or a data set."


class ShardNames:
    """What images of shards are named by: the shard's file name, or its whole path where another bears that name."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}

    def name(self, path: str) -> str:
        """Return the name of the shard at a path or an address; it is the same each time."""
        base = path.replace("\\", "/").rpartition("/")[2]
        return base if self.paths.setdefault(base, path) == path else path


def is_path(item: object) -> bool:
    """Whether this is a path; bytes are an encoded image."""
    return isinstance(item, (str, os.PathLike))


def is_encoded(item: object) -> bool:
    """Whether these are the bytes of an image file."""
    return isinstance(item, (bytes, bytearray, memoryview))


def unwrap(item: Any, position: int, shards: ShardNames) -> tuple[str, Any]:
    """Return an item's name, and the image in it: a path, encoded bytes, a reference, or an image in memory.

    Args:
        item: An image, a row, a ``(name, image)`` pair, or a tuple that begins with an image.
        position: Of the item, which names it if nothing else does.
        shards: Of the stream, for samples that say which shard they are from.

    Raises:
        DataError: There is no image in it.
    """
    if is_path(item):
        return os.fsdecode(item), item
    if isinstance(item, Mapping):
        row = cast("Mapping[str, Any]", item)
        name = _sample_name(row, shards) or numbered(position)
        return name, row_image(row, name)
    if not isinstance(item, (tuple, list)):
        return numbered(position), item
    parts = list(cast("tuple[Any, ...]", item))
    if parts and not isinstance(parts[0], str):
        return unwrap(parts[0], position, shards)
    if len(parts) < 2 or not _is_image(parts[1]):
        raise DataError(
            f"'{numbered(position)}' is a tuple without an image after its name.",
            "Pass (name, image) pairs.",
        )
    return parts[0], unwrap(parts[1], position, shards)[1]


def source(name: str, image: Any) -> Source:
    """Return the source of an image of any kind; one that cannot be opened for what is none."""
    if isinstance(image, ImageRef):
        return Source(name, partial(_given, image))
    if is_path(image):
        path = os.fsdecode(image)
        if "://" in path:
            return bad_source(name, DataError(f"'{path}' is not a file on this machine.", "Download it first."))
        return file_source(name, Path(path))
    if is_encoded(image):
        return encoded_source(name, bytes(image))
    if is_pixels(image):
        return pixels_source(name, image)
    return bad_source(name, DataError(f"'{name}' is no image but an object of type {type(image).__name__}.", KINDS))


def _sample_name(row: Mapping[str, Any], shards: ShardNames) -> str | None:
    """Return the name of a WebDataset sample, that of its image in the shard, if this is one."""
    if KEY not in row:
        return None
    column = image_column(row)
    member = f"{row[KEY]}.{column}" if column else str(row[KEY])
    return f"{shards.name(str(row[SHARD]))}/{member}" if SHARD in row else member


def _is_image(item: Any) -> bool:
    return is_path(item) or is_encoded(item) or is_pixels(item) or isinstance(item, ImageRef) or is_row(item)


def _given(image: ImageRef) -> ImageRef:
    return image
