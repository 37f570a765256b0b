"""What a cache holds, and making it smaller; without torch."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionlaw import atomic
from visionlaw.errors import UnknownIdError, did_you_mean
from visionlaw.features.cache import claims, records
from visionlaw.features.cache.headers import encoder_folders, outdated_paths, shard_paths
from visionlaw.features.cache.index import Index
from visionlaw.features.cache.records import ShardRef

DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class EncoderSummary:
    """What a cache holds of an encoder in one version and precision.

    Attributes:
        id: The encoder's exact id.
        digest: Digest of all that its features depend on; the name of their folder.
        dtypes: Data types of the features.
        images: How many images there are.
        bytes: What their shards take on the disk.
        used_at: When one of them was last read or written, in seconds since 1970.
        provenance: What the features depend on beside the id.
    """

    id: str
    digest: str
    dtypes: tuple[str, ...]
    images: int
    bytes: int
    used_at: float
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Pruned:
    """What a pruning has removed.

    Attributes:
        images: Features of so many images, counted once per encoder.
        bytes: What it has freed.
        left: Bytes of the features that remain.
    """

    images: int
    bytes: int
    left: int


def bytes_below(folder: Path) -> int:
    """Return what all files in a folder and its folders take, 0 where there is none."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # somebody removes it meanwhile
                is_folder = entry.is_dir(follow_symlinks=False)
                total += bytes_below(Path(entry.path)) if is_folder else entry.stat(follow_symlinks=False).st_size
    return total


def summaries(folder: Path) -> list[EncoderSummary]:
    """Return what a cache holds, the largest first."""
    with contextlib.closing(Index(folder)) as index:
        return index.read(_summaries) or []


def tidy(folder: Path, index: Index) -> None:
    """Take up the shards that killed writers have finished, and remove what they have left half-written.

    Raises:
        DataError: The index cannot be written to.
    """
    for swept in (folder, *encoder_folders(folder)):
        atomic.sweep(swept)
    claims.sweep(folder, time.time())
    remove(folder, index.write(lambda connection: records.adopt(connection, folder)))


def remove(folder: Path, shards: Iterable[ShardRef]) -> None:
    """Remove the files of shards that the index has forgotten; one that is in use, on Windows, stays for later."""
    for shard in shards:
        with contextlib.suppress(OSError):
            shard.path(folder).unlink()


def uses(folder: Path) -> list[tuple[float, int]]:
    """Return when each shard was last used and its bytes, those used longest ago first.

    Raises:
        DataError: The index cannot be written to.
    """
    if not folder.is_dir():
        return []
    with contextlib.closing(Index(folder)) as index:
        tidy(folder, index)
        return index.read(records.uses) or []


def prune_to(folder: Path, limit: int) -> Pruned:
    """Remove the features that have not been used for longest, until the others take no more than so many bytes.

    Raises:
        DataError: The cache cannot be written to.
    """
    return _prune(folder, lambda connection: records.evict(connection, limit))


def prune_encoder(folder: Path, encoder: str) -> Pruned:
    """Remove all features of an encoder, in every version and precision.

    Args:
        folder: That of the cache.
        encoder: Its exact id.

    Raises:
        UnknownIdError: There are none.
        DataError: The cache cannot be written to.
    """
    found = summaries(folder)
    digests = [summary.digest for summary in found if summary.id == encoder]
    if not digests:
        raise UnknownIdError(
            f"The cache '{folder}' holds no features of '{encoder}'.",
            did_you_mean(encoder, {summary.id for summary in found}) or "See what it holds: visionlaw cache ls",
        )
    return _prune(folder, lambda c: [ref for digest in digests for ref in records.drop_encoder(c, digest)])


def prune_all(folder: Path) -> Pruned:
    """Remove all features.

    Raises:
        DataError: The cache cannot be written to.
    """

    def drop(connection: sqlite3.Connection) -> list[ShardRef]:
        digests = [digest for (digest,) in connection.execute("SELECT digest FROM encoders").fetchall()]
        return [ref for digest in digests for ref in records.drop_encoder(connection, digest)]

    pruned = _prune(folder, drop)
    remove(folder, map(ShardRef.of, shard_paths(folder)))  # those that no index could take up: they are damaged
    return pruned


def _prune(folder: Path, forget: Callable[[sqlite3.Connection], list[ShardRef]]) -> Pruned:
    if not folder.is_dir():
        return Pruned(0, 0, 0)
    old = remove_outdated(folder)
    with contextlib.closing(Index(folder)) as index:
        tidy(folder, index)

        def work(connection: sqlite3.Connection) -> tuple[list[ShardRef], tuple[int, int], tuple[int, int]]:
            before = _size(connection)
            return forget(connection), before, _size(connection)

        forgotten, before, after = index.write(work)
        remove(folder, forgotten)
        index.shrink()
    return Pruned(before[0] - after[0], before[1] - after[1] + old, after[1])


def remove_outdated(folder: Path) -> int:
    """Remove what earlier versions of visionlaw have left in a cache; return how many bytes that were."""
    freed = 0
    for path in outdated_paths(folder):
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed


def _size(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return how many images there are, and their bytes."""
    return connection.execute("SELECT (SELECT count(*) FROM entries), (SELECT bytes FROM total)").fetchone()


def _summaries(connection: sqlite3.Connection) -> list[EncoderSummary]:
    rows = connection.execute(
        "SELECT digest, identity, group_concat(DISTINCT dtypes), sum(bytes), max(used_at), "
        "(SELECT count(*) FROM entries WHERE entries.encoder = encoders.id) "
        "FROM encoders JOIN shards ON shards.encoder = encoders.id GROUP BY encoders.id ORDER BY sum(bytes) DESC"
    )
    return [_summary(*row) for row in rows]


def _summary(digest: str, identity: str, dtypes: str, size: int, used_at: float, images: int) -> EncoderSummary:
    facts = json.loads(identity)
    names = sorted({DTYPES.get(name, name) for name in dtypes.replace(",", " ").split()})
    return EncoderSummary(facts["encoder"], digest, tuple(names), images, size, used_at, facts["provenance"])
