"""Reading the rows of a table, with every complaint naming its line."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visionlaw.errors import DataError, did_you_mean


@dataclass(frozen=True)
class ColumnLayout:
    """The columns that a table may have.

    Attributes:
        keys: The two columns that name a row: setting and benchmark.
        alignment: The columns of A by definition; those of one definition are averaged.
        correspondence: The column of C and its other name.
        performance: The column of the results.
        kind: The optional column that groups benchmarks.
        kinds: What the kind column may hold.
    """

    keys: tuple[str, str]
    alignment: Mapping[str, tuple[str, ...]]
    correspondence: tuple[str, ...]
    performance: str
    kind: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One setting on one benchmark, as read; ``kind`` is empty where the file does not say."""

    line: int
    setting: str
    benchmark: str
    definition: str
    alignment: float
    correspondence: float
    performance: float
    kind: str


def parse_rows(
    name: str, data: bytes, layout: ColumnLayout, *, blank_performance: bool, needs_c: bool = True
) -> tuple[Row, ...]:
    """Parse the bytes of a CSV file.

    Args:
        name: What to call the file in messages.
        data: Its content; UTF-8, with or without byte order mark.
        layout: The columns to expect.
        blank_performance: Read an empty performance as NaN, and a table without that column as unfinished.
        needs_c: Read C; else it is NaN in every row, whether there is a column or not.

    Raises:
        DataError: Not UTF-8, empty, a missing column, or a cell that is blank or not a finite number.
    """
    reader = csv.DictReader(io.StringIO(_decode(name, data), newline=""), skipinitialspace=True)
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = header
        columns = _Columns.choose(name, header, layout, blank_performance, needs_c)
        rows = tuple(columns.read(name, reader.line_num, record) for record in reader)
    except csv.Error as error:
        raise DataError(f"{name}:{reader.line_num}: {error}.", "Save the table as plain CSV.") from None
    if not rows:
        raise DataError(f"{name} has a header and no rows.", "Give one row per setting and benchmark.")
    return rows


def _decode(name: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{name}:{line}: the file is not UTF-8 text.", "Save the table as CSV in UTF-8.") from None
    if not text.strip():
        raise DataError(f"{name} is empty.", "Give a CSV file with a header and one row per setting and benchmark.")
    return text


@dataclass(frozen=True)
class _Columns:
    """The columns that a file really has, and how a record of it is read."""

    layout: ColumnLayout
    definition: str
    alignment: tuple[str, ...]
    correspondence: str | None
    performance: str | None
    blank_performance: bool

    @classmethod
    def choose(
        cls, name: str, header: Sequence[str], layout: ColumnLayout, blank_performance: bool, needs_c: bool
    ) -> _Columns:
        """Match a header with the layout."""
        twice = next((c for c in header if c and header.count(c) > 1), None)
        if twice is not None:
            raise DataError(f"{name}:1: column '{twice}' appears twice.", "Give each column once.")
        for key in layout.keys:
            _require(name, header, (key,))
        if not blank_performance:
            _require(name, header, (layout.performance,))
        present = [d for d, columns in layout.alignment.items() if any(c in header for c in columns)]
        if len(present) > 1:
            raise DataError(
                f"{name}:1: A is given by two definitions, {present[0]} and {present[1]}.",
                "Their scales do not transfer: keep the columns of one.",
            )
        if not present:
            _require(name, header, tuple(columns[0] for columns in layout.alignment.values()))
        for column in layout.alignment[present[0]]:
            _require(name, header, (column,))
        if needs_c:
            _require(name, header, layout.correspondence)
        return cls(
            layout=layout,
            definition=present[0],
            alignment=layout.alignment[present[0]],
            correspondence=next(c for c in layout.correspondence if c in header) if needs_c else None,
            performance=layout.performance if layout.performance in header else None,
            blank_performance=blank_performance,
        )

    def read(self, name: str, line: int, record: Mapping[str | None, str | None]) -> Row:
        """Turn one record into a row."""
        where = f"{name}:{line}"
        if None in record:
            raise DataError(f"{where}: the row has more cells than the header.", "Remove the extra commas.")
        setting, benchmark = (_text(where, record, key) for key in self.layout.keys)
        kind = (record.get(self.layout.kind) or "").strip()
        if kind and kind not in self.layout.kinds:
            hint = did_you_mean(kind, self.layout.kinds) or f"Use one of {', '.join(self.layout.kinds)}."
            raise DataError(f"{where}: '{kind}' is not a kind of benchmark.", hint)
        parts = [_number(where, record, column) for column in self.alignment]
        return Row(
            line=line,
            setting=setting,
            benchmark=benchmark,
            definition=self.definition,
            alignment=math.fsum(parts) / len(parts),
            correspondence=_number(where, record, self.correspondence) if self.correspondence else math.nan,
            performance=self._performance(where, record),
            kind=kind,
        )

    def _performance(self, where: str, record: Mapping[str | None, str | None]) -> float:
        if self.performance is None:
            return math.nan
        if self.blank_performance and not (record.get(self.performance) or "").strip():
            return math.nan
        return _number(where, record, self.performance)


def _require(name: str, header: Sequence[str], any_of: tuple[str, ...]) -> None:
    if any(column in header for column in any_of):
        return
    wanted = " or ".join(f"'{column}'" for column in any_of)
    hint = next(filter(None, (did_you_mean(column, header, limit=1) for column in any_of)), "")
    found = ", ".join(c for c in header if c) or "nothing"
    raise DataError(f"{name}:1: column {wanted} is missing; the header has {found}.", hint or "Add the column.")


def _text(where: str, record: Mapping[str | None, str | None], column: str) -> str:
    text = (record.get(column) or "").strip()
    if not text:
        raise DataError(f"{where}: '{column}' is blank.", "Fill it in or remove the row.")
    return text


def _number(where: str, record: Mapping[str | None, str | None], column: str) -> float:
    text = (record.get(column) or "").strip()
    if not text:
        raise DataError(f"{where}: '{column}' is blank.", "Fill it in or remove the setting.")
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{where}: '{column}' is '{text}', not a number.", "Write it like 64.26.") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: '{column}' is {text}.", "Only finite numbers can be used.")
    return value
