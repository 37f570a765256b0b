"""JSON arrays and JSON lines: one pass finds where each record stands, and only these places are kept in memory.

LLaVA's 665K records are one array of a gigabyte; parsed whole it takes many times that. Here a record is read when it
is asked for.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from visionlaw.errors import DataError
from visionlaw.features.images import open_file
from visionlaw_mllm.formats.json_array import MAX_RECORD_BYTES, SPACE, scan_array
from visionlaw_mllm.order import Block

CHUNK = 2**18
BOM = b"\xef\xbb\xbf"


class JsonTable:
    """The records of a JSON file, by where they stand in it.

    Args:
        path: The file.
        starts: Of n records, the byte where each begins, and the end of the last one: n + 1 places.
        digest: Of the file's content.
    """

    def __init__(self, path: Path, starts: Sequence[int], digest: str) -> None:
        self.path = path
        self.version = digest
        self.blocks: Sequence[Block] = (Block(len(starts) - 1),)
        self._starts = starts
        self._size = path.stat().st_size

    def rows(self, positions: Iterator[int]) -> Iterator[tuple[int, object]]:
        """Yield each position with its row; see :class:`visionlaw_mllm.formats.Table`."""
        with open_file(self.path) as file:
            for position in positions:
                if self.path.stat().st_size != self._size:
                    raise DataError(f"'{self.path}' has changed since it was indexed.", "Start again.")
                yield position, self._row(file, position)

    def _row(self, file: BinaryIO, position: int) -> object:
        start, end = self._starts[position], self._starts[position + 1]
        if end - start > MAX_RECORD_BYTES:
            return DataError(f"It is larger than {MAX_RECORD_BYTES // 2**20} MiB.")
        file.seek(start)
        try:
            text = file.read(end - start).decode("utf-8").lstrip(SPACE)
            row, after = json.JSONDecoder().raw_decode(text)
        except UnicodeDecodeError:
            return DataError("It is not UTF-8.")
        except (ValueError, RecursionError) as error:
            return DataError(f"It is not JSON: {error}.")
        # In an array a comma or the bracket follows; in a line nothing does.
        return row if text[after:].strip(SPACE) in ("", ",", "]") else DataError("It is more than one JSON value.")


def open_json(path: Path) -> JsonTable:
    """Index a JSON array, or JSON lines, whatever the file's suffix: an array begins with a bracket.

    Raises:
        DataError: The file cannot be read, is an array that breaks off or is not JSON, or its first line is not JSON.
    """
    digest = hashlib.sha256()
    with open_file(path) as file:
        begin = len(BOM) if file.read(len(BOM)) == BOM else 0
        file.seek(begin)
        chunks = _chunks(file, digest.update)
        head = next(chunks, b"")
        is_array = head.lstrip().startswith(b"[")
        starts = scan_array(head, chunks, begin, path) if is_array else _scan_lines(head, chunks, begin)
    table = JsonTable(path, starts, f"sha256:{digest.hexdigest()[:32]}")
    if not is_array and len(starts) > 1 and isinstance(next(table.rows(iter([0])))[1], DataError):
        raise DataError(
            f"'{path}' is neither a JSON array nor JSON lines: its first line is not JSON.",
            "Records are one array of objects, or one object on each line.",
        )
    return table


def _chunks(file: BinaryIO, seen: Callable[[bytes], None]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        seen(chunk)
        yield chunk


def _scan_lines(head: bytes, chunks: Iterator[bytes], begin: int) -> array[int]:
    """Find where lines begin; empty ones are left out."""
    starts, place, line, empty = array("Q"), begin, begin, True
    for chunk in itertools.chain([head], chunks):
        at = 0
        while (end := chunk.find(b"\n", at)) >= 0:
            if not empty or chunk[at:end].strip():
                starts.append(line)
            at, line, empty = end + 1, place + end + 1, True
        empty = empty and not chunk[at:].strip()
        place += len(chunk)
    if not empty:
        starts.append(line)
    starts.append(place)
    return starts
