"""Folders of images: all below them, in one stable order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.features.formats import is_image_name
from visionlaw.features.sources.shards import is_shard, shard_sources
from visionlaw.features.sources.source import Source, bad_source, file_source


def folder_sources(folder: Path) -> Iterator[Source]:
    """Yield the images of a folder and of the folders in it, and those in its tar shards.

    Sorted by name within each folder, so that only the names of one folder at a time are in memory. Hidden files
    and folders are left out. Links are followed, but not back into a folder that leads to them.

    Raises:
        DataError: On the call, where the folder cannot be read or holds no image.
    """
    first = next(image_files(folder), None)
    if first is None:
        raise DataError(f"The folder '{folder}' holds no image.", "Images are known by suffixes such as .jpg and .png.")
    if first[0] == folder and first[1] is not None:
        raise first[1]
    return _sources(folder)


def image_files(folder: Path) -> Iterator[tuple[Path, DataError | None]]:
    """Yield the images and shards below a folder, and with its error each folder that cannot be read."""
    return _walk(folder, frozenset())


def _sources(root: Path) -> Iterator[Source]:
    for path, error in image_files(root):
        name = path.relative_to(root).as_posix()
        if error is not None:
            yield bad_source(name, error)
        elif is_shard(path):
            yield from shard_sources(path, name)
        else:
            yield file_source(name, path)


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[tuple[Path, DataError | None]]:
    try:
        status = folder.stat()
        with os.scandir(folder) as entries:
            names = sorted((entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        yield folder, DataError(f"The folder '{folder}' cannot be read: {error.strerror}.", "Check its permissions.")
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for name, is_folder in names:
        if is_folder:
            yield from _walk(folder / name, above | {here})
        elif is_image_name(name) or is_shard(name):
            yield folder / name, None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; it is told when it is opened
        return False
