"""The formats that records come in, each as a table whose rows can be read in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from visionlaw.errors import DataError
from visionlaw.features.sources.shards import is_shard
from visionlaw_mllm.order import Block

KNOWN = "Give a .json, .jsonl or .parquet file, a .tar shard, or a folder with parquet files or shards."


class Table(Protocol):
    """Rows by position; an index of them is in memory, the rows are not."""

    @property
    def version(self) -> str:
        """Digest that changes with the rows."""
        ...

    @property
    def blocks(self) -> Sequence[Block]:
        """How many rows there are, by what is read as a whole."""
        ...

    def rows(self, positions: Iterator[int]) -> Iterator[tuple[int, object]]:
        """Yield each position with its row, or with the :class:`~visionlaw.errors.DataError` that says what it lacks.

        A row is a dict in LLaVA's form, if the data are right; its image is as
        :func:`visionlaw_mllm.images.find_image` takes it.
        """
        ...


def open_table(path: Path) -> Table:
    """Index the records at a path.

    Raises:
        DataError: There are none that can be read.
        MissingDependencyError: They are parquet, and pyarrow is not installed.
    """
    files = _files(path)
    suffix = files[0].suffix.lower()
    if is_shard(files[0]):
        from visionlaw_mllm.formats.shards import open_shards as opener
    elif suffix == ".parquet":
        from visionlaw_mllm.formats.parquet import open_parquet as opener
    else:
        from visionlaw_mllm.formats.json_files import open_json

        table: Table = open_json(path)
        return _filled(table, path)
    return _filled(opener(files), path)


def _filled(table: Table, path: Path) -> Table:
    if not sum(block.rows for block in table.blocks):
        raise DataError(f"There is no record in '{path}'.", KNOWN)
    return table


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"There are no records at '{path}'.", "Check the path.")
    if not path.is_dir():
        if is_shard(path) or path.suffix.lower() in (".json", ".jsonl", ".ndjson", ".parquet"):
            return [path]
        raise DataError(f"'{path}' is not of a known format.", KNOWN)
    try:
        inside = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise DataError(f"The folder '{path}' cannot be read: {error.strerror}.", "Check its permissions.") from error
    kinds = [f for f in ([p for p in inside if is_shard(p)], [p for p in inside if p.suffix == ".parquet"]) if f]
    if len(kinds) == 1:
        return kinds[0]
    raise DataError(f"The folder '{path}' holds {'shards and parquet files' if kinds else 'no records'}.", KNOWN)
