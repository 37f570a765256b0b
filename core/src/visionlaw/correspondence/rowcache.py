"""Rows that last: files, named by all that an encoder's rows depend on, that are mapped into memory.

The name covers the encoder with all that its features depend on, the images and source keypoints, the grid and how rows
are computed; so any other α, matcher, truth or combination is scored from the same files, without features. How they
lie on the disk says :mod:`visionlaw.correspondence.rowfiles`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from visionlaw.correspondence import rowfiles
from visionlaw.correspondence.pairs import PairTable
from visionlaw.correspondence.rowfiles import RowsOf
from visionlaw.correspondence.rows import Grid, Placement, RowSet
from visionlaw.errors import DataError
from visionlaw.features.cache.identity import identify
from visionlaw.features.cache.upkeep import bytes_below
from visionlaw.protocols import EncoderRef

_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class RowCache:
    """Row sets on disk, by content; safe for several processes at once. What is damaged counts as missing.

    Args:
        folder: Where they are, made when the first is written; None: they are kept in memory, and forgotten.
        limit: The most bytes that they may take, beside those that this process uses: sets that were used longest ago
            go first; None: no limit.
    """

    def __init__(self, folder: Path | None, limit: int | None = None) -> None:
        self.folder = folder
        self.limit = limit
        self._used: set[str] = set()

    def get(self, rows: RowsOf) -> RowSet | None:
        """Return a row set, or None where it is missing or damaged. All of it is read once, to be checked."""
        if self.folder is None:
            return None
        path = self.folder / rows.digest
        found = _read(path, rows)
        if found is None:
            rowfiles.remove(path)  # a damaged set would stand in the way of a new one
            return None
        with contextlib.suppress(OSError):  # a folder that may not be written to can be read
            os.utime(path)
        self._used.add(rows.digest)
        return found

    @contextmanager
    def writing(self, rows: RowsOf) -> Generator[RowSet]:
        """Give a row set to fill, which is kept once the block has ended well.

        Raises:
            DataError: The disk is full or the folder cannot be written to.
        """
        if self.folder is None:
            yield RowSet.empty(rows.pairs, rows.keypoints, rows.grid)
            return
        placement = Placement.empty(rows.pairs, rows.grid)
        with ExitStack() as stack:
            with _telling(self.folder):
                self._make_room(self.folder, rows)
                temporary = stack.enter_context(rowfiles.unfinished(self.folder))
                similarity = _map_new(temporary / "similarity.npy", (rows.keypoints, rows.grid[0] * rows.grid[1]))
            yield RowSet(torch.from_numpy(similarity), placement)  # pyright: ignore[reportUnknownMemberType]
            with _telling(self.folder):
                similarity.flush()
                for name in ("affine", "sizes"):
                    np.save(temporary / f"{name}.npy", getattr(placement, name), allow_pickle=False)
                rowfiles.finish(temporary, rows)
        self._used.add(rows.digest)

    def _make_room(self, folder: Path, rows: RowsOf) -> None:
        """Remove leftovers, and the sets that were used longest ago, until the limit holds with the new one."""
        rowfiles.sweep(folder)
        if self.limit is None:
            return
        excess = bytes_below(folder) + 4 * rows.keypoints * rows.grid[0] * rows.grid[1] - self.limit
        for one in rowfiles.stored(folder) if excess > 0 else ():
            if excess > 0 and one.path.name not in self._used and rowfiles.remove(one.path):
                excess -= one.bytes


def rows_of(encoder: EncoderRef, table: PairTable, grid: Grid, protocol: str) -> RowsOf:
    """Return what the rows of an encoder on a data set are of, and so are named by.

    Args:
        encoder: The encoder.
        table: The pairs; their images and source keypoints count.
        grid: On which targets are searched.
        protocol: Identity of how rows are computed.
    """
    identity = identify(encoder).text
    return RowsOf(encoder.id, identity, table.sources_digest, len(table), table.keypoints, grid, protocol)


def _read(path: Path, rows: RowsOf) -> RowSet | None:
    if not rowfiles.is_whole(path):
        return None
    try:
        # Copy on write: torch wants memory that could be written to.
        similarity = np.load(path / "similarity.npy", mmap_mode="c", allow_pickle=False)
        affine, sizes = (np.load(path / f"{name}.npy", allow_pickle=False) for name in ("affine", "sizes"))
    except (OSError, ValueError, EOFError):
        return None  # somebody has removed it meanwhile
    return RowSet(torch.from_numpy(similarity), Placement(rows.grid, affine, sizes))  # pyright: ignore[reportUnknownMemberType]


def _map_new(path: Path, shape: tuple[int, int]) -> np.memmap[Any, np.dtype[np.float32]]:
    """Make a file of zeros and map it. Its space is taken now: a disk that fills up under a map ends the process."""
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        _take_space(file, 4 * shape[0] * shape[1])
    return np.lib.format.open_memmap(path, "r+")


def _take_space(file: BinaryIO, count: int) -> None:
    """Make a file so many bytes longer, in blocks that the disk has; it is written where it cannot reserve them."""
    file.flush()
    try:
        os.posix_fallocate(file.fileno(), file.tell(), count)
    except AttributeError:  # macOS, Windows
        _write_zeros(file, count)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        _write_zeros(file, count)


def _write_zeros(file: BinaryIO, count: int) -> None:
    zeros = bytes(min(count, rowfiles.CHUNK))
    for start in range(0, count, rowfiles.CHUNK):
        file.write(zeros[: count - start])


@contextmanager
def _telling(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Similarity rows cannot be kept in '{folder}': {error.strerror or error}.",
            "Free some space, or score fewer encoders at a time.",
        ) from error
