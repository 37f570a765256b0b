"""Images in tables that Apache Arrow reads: the sources ``parquet`` and ``hf``. Read by place, a block at a time."""

from __future__ import annotations

import bisect
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from visionlaw.errors import DataError
from visionlaw.guard import describe_error
from visionlaw.images.items import Columns
from visionlaw.protocols import CaptionedImage


class Blocks(ABC):
    """The rows of one file, in blocks that are read at once.

    Attributes:
        path: The file.
        sizes: Rows of each block.
        columns: The names of its columns.
    """

    path: Path
    sizes: Sequence[int]
    columns: Sequence[str]

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file again elsewhere: Arrow's own objects stay in their process."""
        return type(self), (self.path,)

    @abstractmethod
    def read(self, block: int, columns: Sequence[str]) -> Any:
        """Return the Arrow table or batch of some columns of a block."""


class TableImages(Sequence[CaptionedImage]):
    """The rows of several files, one after the other.

    Args:
        files: In order, each with images.
        columns: Which columns hold what.

    Raises:
        DataError: A file has no column of images, or all of them together no row.
    """

    def __init__(self, files: Sequence[Blocks], columns: Columns) -> None:
        for file in files:
            columns.require(file.columns, file.path)
        self._files = files
        self._columns = columns
        self._blocks = [(file, block) for file in files for block in range(len(file.sizes))]
        self._starts = [0, *itertools.accumulate(size for file in files for size in file.sizes)]
        # Drawn places come in order: one block is enough, and it may be large.
        self._block = lru_cache(maxsize=1)(self._read)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._files, self._columns)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect.bisect_right(self._starts, index) - 1
        file, _ = self._blocks[number]
        block, place = self._block(number), index - self._starts[number]
        row = {name: block.column(name)[place].as_py() for name in block.schema.names}
        return self._columns.read(row, file.path.parent, f"{file.path}, row {index + 1}")

    def __iter__(self) -> Iterator[CaptionedImage]:
        return (self[place] for place in range(len(self)))

    def _read(self, number: int) -> Any:
        file, block = self._blocks[number]
        wanted = [name for name in (self._columns.image, self._columns.caption) if name in file.columns]
        try:
            return file.read(block, wanted)
        except Exception as error:
            raise unreadable(file.path, error) from error


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error about a file that Arrow cannot read."""
    return DataError(f"'{path}' cannot be read: {describe_error(error)}.", "Fetch it again, or take it out.")
