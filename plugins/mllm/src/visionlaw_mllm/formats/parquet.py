"""Parquet: rows with the columns ``id``, ``image`` or ``images``, and ``conversations``, as Hugging Face has them."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from visionlaw.errors import DataError, MissingDependencyError
from visionlaw.guard import describe_error
from visionlaw_mllm.order import WINDOW_BYTES, Block

COLUMNS = ("id", "image", "images", "conversations")


class ParquetTable:
    """The rows of parquet files, read by the row group; as many groups stay in memory as make a window of an order.

    Args:
        groups: Of each row group its file, its number there, and its size.
        version: Digest of the files' footers.
    """

    def __init__(self, groups: Sequence[tuple[Path, int, Block]], version: str) -> None:
        self.version = version
        self.blocks: Sequence[Block] = [block for _, _, block in groups]
        self._groups = [(path, number) for path, number, _ in groups]
        self._firsts = [0, *accumulate(block.rows for block in self.blocks)]

    def rows(self, positions: Iterator[int]) -> Iterator[tuple[int, object]]:
        """Yield each position with its row; see :class:`visionlaw_mllm.formats.Table`."""
        held: OrderedDict[int, Any] = OrderedDict()
        for position in positions:
            group = bisect_right(self._firsts, position) - 1
            if group not in held:
                while held and sum(self.blocks[g].bytes for g in [*held, group]) > WINDOW_BYTES:
                    held.popitem(last=False)
                held[group] = self._read(group)
            held.move_to_end(group)
            yield position, _row(held[group], position - self._firsts[group])

    def _read(self, group: int) -> Any:
        """Return the rows of a group, or the reason why they cannot be read."""
        from pyarrow import parquet

        path, number = self._groups[group]
        try:
            with parquet.ParquetFile(path) as file:
                return file.read_row_group(number, columns=[c for c in COLUMNS if c in file.schema_arrow.names])
        except Exception as error:  # noqa: BLE001  pyarrow raises many kinds of errors on broken bytes
            return DataError(f"Row group {number} of '{path}' is damaged: {describe_error(error)}.")


def open_parquet(files: Sequence[Path]) -> ParquetTable:
    """Index parquet files by their footers.

    Raises:
        DataError: One cannot be read, or has no column ``conversations``.
        MissingDependencyError: pyarrow is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet is read with pyarrow, which is not installed.",
            "python -m pip install 'visionlaw-mllm[parquet]'",
        ) from error
    digest = hashlib.sha256()
    groups: list[tuple[Path, int, Block]] = []
    for path in files:
        try:
            with parquet.ParquetFile(path) as file:
                facts: Any = file.metadata
                names = list(file.schema_arrow.names)
                digest.update(json.dumps([path.name, facts.to_dict()], default=str).encode())
                for number in range(facts.num_row_groups):
                    group = facts.row_group(number)
                    groups.append((path, number, Block(group.num_rows, group.total_byte_size)))
        except Exception as error:
            raise DataError(f"'{path}' cannot be read: {describe_error(error)}.", "Fetch the file again.") from error
        if "conversations" not in names:
            raise DataError(
                f"'{path}' has no column 'conversations' but {', '.join(map(repr, names[:10]))}.",
                "Records are in LLaVA's form: id, image, conversations.",
            )
    return ParquetTable(groups, f"sha256:{digest.hexdigest()[:32]}")


def _row(group: Any, number: int) -> object:
    if isinstance(group, DataError):
        return group
    (row,) = group.slice(number, 1).to_pylist()
    talk = row.get("conversations")
    if isinstance(talk, str):
        try:
            row["conversations"] = json.loads(talk)
        except (ValueError, RecursionError):
            return DataError("Its 'conversations' are text that is not JSON.")
    return row
