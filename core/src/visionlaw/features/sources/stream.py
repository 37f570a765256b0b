"""The stream of sources, and how long it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from visionlaw.errors import DataError, VisionlawError
from visionlaw.features.sources.folders import folder_sources, image_files
from visionlaw.features.sources.items import KINDS, ShardNames, is_encoded, is_path, source, unwrap
from visionlaw.features.sources.memory import copy_array, is_pixels, is_tensor
from visionlaw.features.sources.rows import Indexed, is_indexed, is_row, undecoded
from visionlaw.features.sources.shards import is_shard, shard_sources
from visionlaw.features.sources.source import Source, bad_source, file_source, numbered
from visionlaw.guard import describe_error
from visionlaw.protocols import ImageRef


def read_sources(images: Any) -> Iterator[Source]:
    """Return whatever a user passes as images as a lazy stream of sources, in order.

    Only what is being looked at is in memory, whatever the number of images. Names are unique if what is passed has
    no path and no name twice.

    Args:
        images: One of

            - a path: of an image; of a folder, read with all folders in it; of a tar shard;
            - one image: a path, encoded bytes, a Pillow image, an array ``[H, W, 3]``, a tensor ``[3, H, W]``, an
              :class:`~visionlaw.protocols.ImageRef`, a :class:`Source`;
            - an iterable of such images, of ``(name, image)`` pairs, of ``(image, …)`` tuples, of paths of shards,
              or of rows, with a column ``image`` (Hugging Face) or the keys of a WebDataset sample;
            - a batch: an array ``[N, H, W, C]`` or a tensor ``[N, C, H, W]``;
            - a torch data set that is read by index.

    Yields:
        Sources, one for each image or for each thing that is none.

    Raises:
        DataError: On the call: these are no images, or there are none where the path leads. While iterating: what was
            passed breaks off. A single bad image raises when it is opened or loaded, not here.
    """
    if is_path(images):
        return _at_path(Path(os.fsdecode(images)))
    if _is_one(images):
        return iter([_item_source(images, 0, ShardNames(), fleeting=False)])
    if is_indexed(images):
        return _indexed(images)
    if isinstance(images, Mapping) or hasattr(images, "read") or not isinstance(images, Iterable):
        raise _no_images(images)
    # What stands in a list cannot change before it is opened; an array that a loop hands out may be overwritten by it.
    passed = cast("Any", images)
    return _iterated(undecoded(passed), fleeting=not (isinstance(passed, (list, tuple)) or is_pixels(passed)))


def count(images: Any) -> int | None:
    """Return how many sources :func:`read_sources` yields, or None where only reading them tells.

    Nothing is consumed; a folder is listed.
    """
    if is_path(images):
        path = Path(os.fsdecode(images))
        if not path.is_dir():
            return None if is_shard(path) else 1
        total = 0
        for file, _ in image_files(path):
            if is_shard(file):
                return None
            total += 1
        return total
    if _is_one(images):
        return 1
    passed: Any = images
    if isinstance(images, (list, tuple)) and any(_is_shard(item) for item in passed):
        return None
    try:
        return len(passed)
    except (TypeError, NotImplementedError):  # iterators, and data sets that do not know
        return None


def _is_one(images: Any) -> bool:
    if isinstance(images, np.ndarray) or is_tensor(images):
        dimensions: int = images.ndim
        return dimensions in (2, 3)
    return isinstance(images, (Source, ImageRef)) or is_encoded(images) or is_pixels(images) or is_row(images)


def _is_shard(item: Any) -> bool:
    return is_path(item) and is_shard(os.fsdecode(item))


def _no_images(images: Any) -> DataError:
    message = f"Images cannot be read from an object of type {type(images).__name__}."
    if isinstance(images, Mapping):
        names: list[Any] = [*images]
        return DataError(message, f"Pass one of its values: {', '.join(map(repr, names[:10]))}." if names else KINDS)
    return DataError(message, KINDS)


def _at_path(path: Path) -> Iterator[Source]:
    if path.is_dir():
        return folder_sources(path)
    if not os.path.lexists(path):
        pattern = any(sign in str(path) for sign in "*?{")
        raise DataError(
            f"There is no image, folder or shard '{path}'.",
            "Patterns are not expanded: pass a list of paths." if pattern else "Check the path.",
        )
    return shard_sources(path, path.name) if is_shard(path) else iter([file_source(str(path), path)])


def _indexed(dataset: Any) -> Iterator[Source]:
    reader = Indexed(dataset)
    for index in range(len(dataset)):
        yield Source(numbered(index), partial(_open_indexed, reader, index))


def _open_indexed(reader: Indexed, index: int) -> ImageRef:
    name = numbered(index)
    try:
        item = reader.read(index)
    except (VisionlawError, MemoryError):
        raise
    except Exception as error:
        raise DataError(
            f"'{name}' cannot be read from its data set: {describe_error(error)}.", "Take it out of the data set."
        ) from error
    return source(name, unwrap(item, index, ShardNames())[1]).open()


def _iterated(images: Any, fleeting: bool) -> Iterator[Source]:
    shards = ShardNames()
    for position, item in enumerate(_items(images)):
        if _is_shard(item):
            path = os.fsdecode(item)
            yield from shard_sources(Path(path), shards.name(path))
        else:
            yield _item_source(item, position, shards, fleeting)


def _items(images: Any) -> Iterator[Any]:
    done = 0
    try:
        for item in images:
            yield item
            done += 1
    except VisionlawError:
        raise
    except Exception as error:
        raise DataError(
            f"The images break off after {done:,}: {describe_error(error)}.",
            "What was passed as images raised this; mend it there.",
        ) from error


def _item_source(item: Any, position: int, shards: ShardNames, fleeting: bool) -> Source:
    if isinstance(item, Source):
        return item
    try:
        name, image = unwrap(item, position, shards)
    except DataError as error:
        return bad_source(numbered(position), error)
    return source(name, copy_array(image) if fleeting else image)
