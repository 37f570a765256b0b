"""The tables of pairs, comma-separated, and where an archive or a user put them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from visionlaw.datasets.reading import read_bytes, require_layout
from visionlaw.errors import DataError


@dataclass(frozen=True)
class Place:
    """Where a data set's files lie.

    Attributes:
        table: The table of pairs, below the folder given.
        base: What stands before the images and annotations: empty, or the folder of the archive and a slash.
    """

    table: str
    base: str


def find_place(
    root: Path | str | None, archive: str, tables: Sequence[str], inside: str, what: str, remedy: str
) -> tuple[Path, Place]:
    """Find a data set in a folder: either its archive's own folder, or the one that the archive was unpacked in.

    Args:
        root: The folder given.
        archive: The folder that the archive makes, such as ``PF-dataset``.
        tables: The names that the table of pairs goes by.
        inside: A file or folder of the archive, to tell the two kinds of folder apart.
        what: The data set's name for people.
        remedy: Where to get it.

    Raises:
        DataError: It is not there.
    """
    folder = require_layout(root, [*tables, *(f"{archive}/{table}" for table in tables)], what, remedy)
    nested = f"{archive}/" if not (folder / inside).exists() and (folder / archive).is_dir() else ""
    table = next(path for path in (*tables, *(f"{archive}/{t}" for t in tables)) if (folder / path).exists())
    return folder, Place(table, nested)


def read_table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a table that are not empty: number, from 1, and cells without white space around them.

    Raises:
        DataError: It cannot be read, or is not text; the message does not name it.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError("It is not a table of comma-separated values in UTF-8.") from error


def last_parts(name: str, count: int) -> tuple[str, ...]:
    """Return the last parts of a path in a table, whose beginning is that of the archive it was made for.

    Raises:
        DataError: There are fewer, or one of them leads elsewhere; the message does not name the file.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts[-count:]
    if len(parts) < count or any(part in ("", "/", "..") or "\0" in part for part in parts):
        raise DataError(f"'{name[:100]}' is not the path of an image.")
    return parts
