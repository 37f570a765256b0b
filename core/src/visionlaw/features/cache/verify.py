"""Reading a whole cache: what is damaged is removed, what the index does not know is entered."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visionlaw.features.cache import records, shards
from visionlaw.features.cache.headers import read_header, shard_paths
from visionlaw.features.cache.index import Index
from visionlaw.features.cache.records import ShardRef
from visionlaw.features.cache.upkeep import remove, remove_outdated, tidy


@dataclass(frozen=True)
class Verification:
    """What a verification has found.

    Attributes:
        images: Features of so many images are whole, counted once per encoder.
        shards: Files that hold them.
        damaged_shards: Files in which something was damaged. They are removed with all that they held, a batch of
            images, which are computed again when they are needed.
        missing_shards: Files that the index knew and that were gone; they are forgotten.
        found_shards: Whole files that the index did not know; they are entered.
        outdated_bytes: What earlier versions had left; it is removed.
        index_rebuilt: Whether the index was damaged or missing and has been built anew.
    """

    images: int = 0
    shards: int = 0
    damaged_shards: int = 0
    missing_shards: int = 0
    found_shards: int = 0
    outdated_bytes: int = 0
    index_rebuilt: bool = False


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


def verify(folder: Path, progress: Callable[[int, int], None] = _silent) -> Verification:
    """Read all that a cache holds, remove what is damaged, and make the index agree; others may use it meanwhile.

    Args:
        folder: That of the cache.
        progress: Called with the shards read so far, and how many there are.

    Raises:
        DataError: The cache cannot be written to.
    """
    if not folder.is_dir():
        return Verification()
    outdated = remove_outdated(folder)
    with contextlib.closing(Index(folder)) as index:
        if not index.is_sound():
            index.rebuild()
        known = index.read(records.shard_names) or {}
        tidy(folder, index)
        missing = index.write(lambda connection: _forget_missing(connection, folder))
        paths = list(shard_paths(folder))
        images = whole = damaged = found = 0
        for done, path in enumerate(paths, 1):
            good = _whole_images(path)
            if good:
                images, whole, found = images + good, whole + 1, found + (path.stem not in known)
            elif path.exists():  # else somebody has removed it meanwhile
                damaged += 1
                index.write(lambda connection, name=path.stem: records.drop_shard(connection, name))
                remove(folder, [ShardRef.of(path)])
            progress(done, len(paths))
    return Verification(images, whole, damaged, missing, found, outdated, index.repaired)


def _whole_images(path: Path) -> int:
    """Return how many images a shard holds, 0 where anything in it is damaged."""
    header = read_header(path)
    if header is None:
        return 0
    digest = header.encoder.digest
    return len(header.images) if all(shards.read(path, digest, image) for image in header.images) else 0


def _forget_missing(connection: sqlite3.Connection, folder: Path) -> int:
    """Forget the shards whose files are gone; a shard's file is there before the index knows it."""
    missing = [ref for ref in records.shard_names(connection).values() if not ref.path(folder).exists()]
    for ref in missing:
        records.drop_shard(connection, ref.name)
    return len(missing)
