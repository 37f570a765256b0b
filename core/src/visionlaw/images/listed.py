"""The image source ``list``: a file that names images, with captions where it has them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets.reading import read_bytes
from visionlaw.errors import DataError
from visionlaw.images.items import Columns, FileImages, require_file
from visionlaw.specs import ImageSourceSpec

SUFFIXES = (".txt", ".csv", ".tsv", ".jsonl")
MOST_BYTES = 2**30

Row = tuple[str, str | None]


def build(
    spec: ImageSourceSpec, root: Path | str | None = None, image: str = "image", caption: str = "caption"
) -> FileImages:
    """Return the images that a file lists: paths relative to it, one a line, or a table with captions.

    Args:
        spec: The spec that names this function.
        root: The file: ``.txt`` of a path a line; ``.csv`` or ``.tsv`` with a line of headings; ``.jsonl`` of an
            object a line.
        image: The column of the paths.
        caption: The column of the captions; a table need not have it.

    Raises:
        DataError: The file cannot be read, is not of one of these forms, or names no image.
    """
    path = require_file(root, spec.id, SUFFIXES)
    try:
        text = read_bytes(path, MOST_BYTES).decode("utf-8-sig")
    except DataError as error:
        raise DataError(f"'{path}' cannot be used. {error.message}", "Give a list in UTF-8.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' is not UTF-8.", "Save it in UTF-8.") from error
    columns = Columns(image, caption)
    rows = list(_rows(path, text, columns))
    if not rows:
        raise DataError(f"'{path}' names no image.", "Write one path a line, relative to the file.")
    return FileImages([(path.parent / name, told) for name, told in rows])


def _rows(path: Path, text: str, columns: Columns) -> Iterator[Row]:
    match path.suffix.lower():
        case ".txt":
            return ((line.strip(), None) for line in text.splitlines() if line.strip())
        case ".jsonl":
            return _objects(path, text, columns)
        case suffix:
            return _table(path, text, "\t" if suffix == ".tsv" else ",", columns)


def _table(path: Path, text: str, delimiter: str, columns: Columns) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns.require(list(reader.fieldnames or ()), path)
        for row in reader:
            yield _row(cast("Mapping[str, Any]", row), columns, f"{path}:{reader.line_num}")
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}.", "Correct that line.") from error


def _objects(path: Path, text: str, columns: Columns) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: this is not JSON: {error}.", "Write one object a line.") from error
        if not isinstance(row, dict):
            raise DataError(f"{where}: this is not a JSON object.", "Write one object a line.")
        yield _row(cast("Mapping[str, Any]", row), columns, where)


def _row(row: Mapping[str, Any], columns: Columns, where: str) -> Row:
    name, told = row.get(columns.image), row.get(columns.caption)
    if not isinstance(name, str) or not name:
        raise DataError(f"{where}: there is no path under '{columns.image}'.", "Name the column: ?image=COLUMN")
    return name, told if isinstance(told, str) else None
