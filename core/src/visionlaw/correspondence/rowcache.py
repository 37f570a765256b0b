"""Rows that last: what an encoder's rows are named by, and files of them that are mapped into memory.

::

    <folder>/<digest>/similarity.npy   [K, h·w] float32
    <folder>/<digest>/affine.npy       [P, 4] float64, and sizes.npy [P, 4] int64: see Placement

The digest covers the encoder with all that its features depend on, the images and source keypoints, the grid and how
rows are computed; so any other α, matcher, truth or combination is scored from the same files, without features. A set
is written in a folder of its own that is renamed when it is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from visionlaw.atomic import ABANDONED_SECONDS, PREFIX
from visionlaw.correspondence.pairs import PairTable
from visionlaw.correspondence.rows import Grid, Placement, RowSet
from visionlaw.errors import DataError
from visionlaw.features.cache.identity import identify
from visionlaw.protocols import EncoderRef

LIMIT = 50 * 10**9
"""Bytes that row sets may take; those used longest ago go first."""


class RowCache:
    """Row sets on disk, by content; safe for several processes at once.

    Args:
        folder: Where they are, made when the first is written; None: they are kept in memory, and forgotten.
        limit: The most bytes that they may take, beside those in use.
    """

    def __init__(self, folder: Path | None, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._used: set[str] = set()

    def get(self, digest: str, table: PairTable, grid: Grid) -> RowSet | None:
        """Return a row set, or None where it is missing or damaged."""
        if self.folder is None:
            return None
        path = self.folder / digest
        rows = _read(path, table, grid)
        if rows is None:
            shutil.rmtree(path, ignore_errors=True)  # a damaged set would stand in the way of a new one
            return None
        self._used.add(digest)
        return rows

    @contextmanager
    def writing(self, digest: str, table: PairTable, grid: Grid) -> Generator[RowSet]:
        """Give a row set to fill, which is kept once the block has ended well.

        Raises:
            DataError: The disk is full or the folder cannot be written to.
        """
        shape = (table.keypoints, grid[0] * grid[1])
        placement = Placement.empty(len(table), grid)
        if self.folder is None:
            yield RowSet(torch.empty(shape), placement)
            return
        with _writing(self.folder) as temporary:
            similarity = np.lib.format.open_memmap(temporary / "similarity.npy", "w+", np.float32, shape)
            _take_blocks(temporary / "similarity.npy")
            yield RowSet(torch.from_numpy(similarity), placement)  # pyright: ignore[reportUnknownMemberType]
            similarity.flush()
            for name in ("affine", "sizes"):
                np.save(temporary / f"{name}.npy", getattr(placement, name), allow_pickle=False)
            with contextlib.suppress(OSError):  # another process was first, with the same
                temporary.rename(self.folder / digest)
        self._used.add(digest)
        self._evict(self.folder)

    def _evict(self, folder: Path) -> None:
        """Remove the sets that were used longest ago until the limit holds; those of this process stay."""
        ages: list[tuple[float, int, Path]] = []
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                ages.append((path.stat().st_mtime, sum(file.stat().st_size for file in path.iterdir()), path))
        excess = sum(size for _, size, _ in ages) - self.limit
        now = time.time()
        for age, size, path in sorted(ages):
            unfinished = path.name.startswith(PREFIX)
            if unfinished and now - age < ABANDONED_SECONDS:
                continue
            if unfinished or (excess > 0 and path.name not in self._used):
                shutil.rmtree(path, ignore_errors=True)
                excess -= size


def digest_of(encoder: EncoderRef, table: PairTable, grid: Grid, rows: str) -> str:
    """Return the name of a row set: 32 hexadecimal digits.

    Args:
        encoder: The encoder.
        table: The pairs; their images and source keypoints count.
        grid: On which targets are searched.
        rows: Identity of how rows are computed.
    """
    facts = json.dumps([identify(encoder).text, table.sources_digest, grid, rows])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _read(path: Path, table: PairTable, grid: Grid) -> RowSet | None:
    try:
        # Copy on write: torch wants memory that could be written to.
        similarity = np.load(path / "similarity.npy", mmap_mode="c", allow_pickle=False)
        affine, sizes = (np.load(path / f"{name}.npy", allow_pickle=False) for name in ("affine", "sizes"))
        os.utime(path)
    except (OSError, ValueError, EOFError):
        return None
    shapes = [(table.keypoints, grid[0] * grid[1]), (len(table), 4), (len(table), 4)]
    if [similarity.shape, affine.shape, sizes.shape] != shapes or similarity.dtype != np.float32:
        return None
    return RowSet(torch.from_numpy(similarity), Placement(grid, affine, sizes))  # pyright: ignore[reportUnknownMemberType]


def _take_blocks(path: Path) -> None:
    """Take a file's space now, where the system can: a disk that fills up under a mapped file ends the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)


@contextmanager
def _writing(folder: Path) -> Generator[Path]:
    """Make a temporary folder; whatever is left of it afterwards goes."""
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        yield temporary
    except OSError as error:
        raise DataError(
            f"Similarity rows cannot be kept in '{folder}': {error.strerror or error}.",
            "Free some space, or score fewer encoders at a time.",
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
