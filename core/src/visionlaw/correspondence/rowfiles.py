"""Row sets as files: what each one is, whether it is whole, and which there are; without torch and numpy.

::

    <folder>/<digest>/similarity.npy   [K, h·w] float32
    <folder>/<digest>/affine.npy       [P, 4] float64, and sizes.npy [P, 4] int64: see Placement
    <folder>/<digest>/about.json       what the rows are of, and the length and checksum of each of these files
    <folder>/.writing-<hex>            a set that is being written or removed, and beside it
    <folder>/.writing-<hex>.lock       held by who writes it

A set is written in a folder of its own, which is renamed when it is complete, and never changed afterwards; it is
removed by renaming it back. So it is there as a whole or not at all. Who writes a set may do so for hours; the
operating system releases its lock when it ends, however it dies, and whoever finds the lock free removes what is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from visionlaw.atomic import ABANDONED_SECONDS, PREFIX
from visionlaw.features.cache.identity import Identity
from visionlaw.features.cache.locks import try_lock, unlock
from visionlaw.features.cache.upkeep import bytes_below

ABOUT = "about.json"
LOCK_SUFFIX = ".lock"
FILES = {"similarity.npy", "affine.npy", "sizes.npy"}
"""What a set consists of beside its description."""
CHUNK = 2**20

_DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class RowsOf:
    """What a row set holds the rows of: everything that they depend on.

    Attributes:
        encoder: The encoder's exact id.
        identity: All that its features depend on: the text of :class:`visionlaw.features.cache.identity.Identity`.
        sources: Digest of the pairs' images and source keypoints, all of a data set that rows depend on.
        pairs: How many pairs there are.
        keypoints: How many keypoints they have in all.
        grid: (h, w) on which targets are searched.
        protocol: Identity of how rows are computed.
    """

    encoder: str
    identity: str
    sources: str
    pairs: int
    keypoints: int
    grid: tuple[int, int]
    protocol: str

    @property
    def digest(self) -> str:
        """The name of the set: 32 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]

    @property
    def provenance(self) -> dict[str, Any]:
        """What the features depend on beside the encoder's id."""
        return Identity(self.identity).fields["provenance"]


@dataclass(frozen=True)
class StoredRows:
    """A row set on the disk.

    Attributes:
        path: Its folder.
        rows: What it is of; None where it does not say so, and is never read.
        bytes: What it takes.
        used_at: When it was last read or written, in seconds since 1970.
    """

    path: Path
    rows: RowsOf | None
    bytes: int
    used_at: float


@dataclass(frozen=True)
class RowVerification:
    """What a verification has found.

    Attributes:
        row_sets: So many sets are whole.
        damaged_row_sets: So many were not, and are removed; they are computed again when they are needed.
        abandoned_row_sets: What processes that ended in the middle had left; it is removed.
    """

    row_sets: int = 0
    damaged_row_sets: int = 0
    abandoned_row_sets: int = 0


def stored(folder: Path) -> list[StoredRows]:
    """Return the row sets in a folder, those used longest ago first."""
    found: list[StoredRows] = []
    for path in _entries(folder):
        if _DIGEST.fullmatch(path.name):
            with contextlib.suppress(OSError):  # somebody has removed it meanwhile
                about = _read_about(path)
                found.append(
                    StoredRows(path, None if about is None else about[0], bytes_below(path), path.stat().st_mtime)
                )
    return sorted(found, key=lambda one: (one.used_at, one.path.name))


def is_whole(path: Path) -> bool:
    """Tell whether a set is what its name says and no bit of it has changed, which reads all of it."""
    about = _read_about(path)
    if about is None:
        return False
    try:
        return all([length, checksum] == _measure(path / name) for name, (length, checksum) in about[1].items())
    except OSError:
        return False


def verify(folder: Path, progress: Callable[[int, int], None]) -> RowVerification:
    """Read all sets, and remove what is damaged and what dead processes have left; others may use them meanwhile.

    Args:
        folder: Where they are.
        progress: Called with the sets read so far, and how many there are.
    """
    swept = sweep(folder)
    sets = stored(folder)
    whole = damaged = 0
    for done, one in enumerate(sets, 1):
        if is_whole(one.path):
            whole += 1
        elif one.path.exists() and not is_whole(one.path):  # else somebody has removed it meanwhile, or written it anew
            damaged += remove(one.path)
        progress(done, len(sets))
    return RowVerification(whole, damaged, swept)


def finish(temporary: Path, rows: RowsOf) -> None:
    """Give a set that has been written its place; where another process was first, with the same, that one stays.

    Raises:
        OSError: The disk is full or cannot be read.
    """
    files = {path.name: _measure(path) for path in sorted(temporary.iterdir())}
    (temporary / ABOUT).write_text(json.dumps({"rows": asdict(rows), "files": files}, indent=1), encoding="utf-8")
    with contextlib.suppress(OSError):
        temporary.rename(temporary.parent / rows.digest)


@contextmanager
def unfinished(folder: Path) -> Generator[Path]:
    """Make a folder to write a set in, that nobody else sweeps as long as this process lives; what is left of it goes.

    Raises:
        OSError: It cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{PREFIX}{os.urandom(8).hex()}"
    path = _lock_of(temporary)
    lock = try_lock(path, create=True)  # before the folder is there: a folder without a lock is nobody's
    assert lock is not None  # noqa: S101  nobody else knows the name yet
    try:
        temporary.mkdir()
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        unlock(lock)
        with contextlib.suppress(OSError):
            path.unlink()


def remove(path: Path) -> bool:
    """Remove a set at once; tell whether it is gone. Who has it mapped can go on reading.

    One that is in use on Windows, or that may not be removed, stays.
    """
    going = path.with_name(f"{PREFIX}{os.urandom(8).hex()}")
    try:
        path.rename(going)
    except OSError:
        return not path.exists()
    shutil.rmtree(going, ignore_errors=True)
    return True


def sweep(folder: Path) -> int:
    """Remove what processes that are dead have left half-written or half-removed; return how many sets that were."""
    swept = 0
    for path in _entries(folder):
        if path.name.startswith(PREFIX) and path.is_dir() and not _is_held(_lock_of(path)):
            shutil.rmtree(path, ignore_errors=True)
            swept += not path.exists()
    for path in _entries(folder):
        if path.name.startswith(PREFIX) and path.suffix == LOCK_SUFFIX:
            with contextlib.suppress(OSError):  # a young one may belong to a writer that is about to lock it
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS and not _is_held(path):
                    path.unlink()
    return swept


def _read_about(path: Path) -> tuple[RowsOf, dict[str, list[int]]] | None:
    """Return what a set says that it is and the length and checksum of its files; None where that cannot be true."""
    try:
        said: dict[str, Any] = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        facts = said["rows"]
        rows = RowsOf(**facts | {"grid": tuple(facts["grid"])})
        files = {str(name): [int(number) for number in numbers] for name, numbers in said["files"].items()}
        whole = rows.digest == path.name and set(files) == FILES and all(len(n) == 2 for n in files.values())
        return (rows, files) if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _measure(path: Path) -> list[int]:
    """Return a file's length and CRC-32.

    It is read, not mapped: a disk's error is an exception then, and not the end of the process.
    """
    length = checksum = 0
    chunk = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(chunk):
            length += count
            checksum = zlib.crc32(chunk[:count], checksum)
    return [length, checksum]


def _lock_of(temporary: Path) -> Path:
    return temporary.with_name(temporary.name + LOCK_SUFFIX)


def _is_held(lock: Path) -> bool:
    try:
        file = try_lock(lock, create=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # another user's: not ours to judge
    if file is not None:
        unlock(file)
    return file is None


def _entries(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(folder.iterdir())
