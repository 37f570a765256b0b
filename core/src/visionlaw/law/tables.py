"""Tables of finished settings: A, C and performance of each setting on each benchmark.

A table is a CSV file in long form, one row per setting and benchmark::

    setting,benchmark,performance,a_clip224,a_clip336,c_pck010

The columns of A say which definition they follow (PROTOCOLS §2): ``a_clip224`` and ``a_clip336`` are maxcos against two
references and are averaged, ``a_loglik`` is the log-likelihood, ``a`` does not say. C is ``c_pck010`` or ``c``. An
optional column ``kind`` (vision, ocr or other) groups benchmarks that the papers do not know. Higher performance must
be better on every benchmark: write the negative of an error rate or a perplexity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError, did_you_mean
from visionlaw.law.normalise import min_max, require_variation
from visionlaw.law.rows import ColumnLayout, Row, parse_rows

Definition = Literal["maxcos", "loglik", "unspecified"]

SHIPPED = ("iclr2025", "colm2025")
PUBLISHED_KINDS: Mapping[str, str] = {
    "mmbench": "vision",
    "mme": "vision",
    "okvqa": "vision",
    "seedbench": "vision",
    "mmmu": "ocr",
    "textvqa": "ocr",
    "vizwiz": "ocr",
    "scienceqa": "ocr",
}
"""The benchmarks of both papers, in their order, and the group whose R² they are averaged into (PROTOCOLS §4)."""

LAYOUT = ColumnLayout(
    keys=("setting", "benchmark"),
    alignment={"maxcos": ("a_clip224", "a_clip336"), "loglik": ("a_loglik",), "unspecified": ("a",)},
    correspondence=("c_pck010", "c"),
    performance="performance",
    kind="kind",
    kinds=("vision", "ocr", "other"),
)


@dataclass(frozen=True)
class LawTable:
    """k settings on b benchmarks, with what the law needs of each.

    Attributes:
        name: ``iclr2025``, ``colm2025`` or the path it was read from.
        settings: Names of the k settings, in the order of the file.
        benchmarks: Names of the b benchmarks: the published ones in the papers' order, then the others.
        A: ``[b, k]`` alignment, in the unit of ``a_definition``.
        C: ``[b, k]`` correspondence.
        performance: ``[b, k]`` in each benchmark's own unit, higher is better; NaN only in a table that was
            loaded with ``unfinished=True``, for settings not trained yet.
        a_definition: How A was measured; values of different definitions must never be mixed (PROTOCOLS §2).
        kinds: The group of each benchmark: vision, ocr or other.
    """

    name: str
    settings: tuple[str, ...]
    benchmarks: tuple[str, ...]
    A: FloatArray = field(repr=False)
    C: FloatArray = field(repr=False)
    performance: FloatArray = field(repr=False)
    a_definition: Definition
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.benchmarks), len(self.settings))
        for name in ("A", "C", "performance"):
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.shape != shape:
                raise DataError(
                    f"{name} of table '{self.name}' has shape {values.shape}, not {shape}.",
                    "Give one row per benchmark and one column per setting.",
                )
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def points(self) -> FloatArray:
        """Return ``[b, k, 2]``: A and C, min-max normalised over the settings of each benchmark.

        Raises:
            DataError: A or C is the same for all settings of a benchmark.
        """
        for variable, values in (("A", self.A), ("C", self.C)):
            for benchmark, row in zip(self.benchmarks, values, strict=True):
                require_variation(row, f"{variable} of benchmark '{benchmark}' in {self.name}")
        return np.stack([min_max(self.A), min_max(self.C)], axis=-1)

    def require_finished(self) -> None:
        """Refuse a table in which some setting has no result yet.

        Raises:
            DataError: With the setting and the benchmark.
        """
        for benchmark, results in zip(self.benchmarks, self.performance, strict=True):
            missing = np.flatnonzero(~np.isfinite(results))
            if len(missing):
                raise DataError(
                    f"{self.name}: '{self.settings[int(missing[0])]}' has no result on '{benchmark}'.",
                    "Add the result, or leave the setting out: only finished settings can be used here.",
                )


def load_table(source: str | Path, *, unfinished: bool = False, needs_c: bool = True) -> LawTable:
    """Load a published table by name, or any CSV file of the same columns.

    Args:
        source: ``iclr2025``, ``colm2025`` or a path.
        unfinished: Accept settings that are not trained yet: their performance is blank and read as NaN.
        needs_c: Read C; else all of it is NaN, and the table may do without.

    Raises:
        DataError: The file cannot be read, or a row is wrong; the message names the file and the line.
    """
    name = str(source)
    if name in SHIPPED:
        data = files("visionlaw.law").joinpath("data", f"law_{name}.csv").read_bytes()
    else:
        data = _read(Path(source))
    return _assemble(name, parse_rows(name, data, LAYOUT, blank_performance=unfinished, needs_c=needs_c))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        known = " and ".join(f"'{n}'" for n in SHIPPED)
        hint = did_you_mean(str(path), SHIPPED)
        raise DataError(
            f"'{path}' is neither a shipped table nor a file.",
            f"{hint} The shipped tables are {known}; or give the path of a CSV file.".strip(),
        ) from None
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.", "Give a readable CSV file.") from None


def _assemble(name: str, rows: Sequence[Row]) -> LawTable:
    """Arrange rows into arrays, and refuse duplicates and holes."""
    settings = tuple(dict.fromkeys(row.setting for row in rows))
    seen = dict.fromkeys(row.benchmark for row in rows)
    benchmarks = (*(b for b in PUBLISHED_KINDS if b in seen), *(b for b in seen if b not in PUBLISHED_KINDS))
    cells: dict[tuple[str, str], Row] = {}
    for row in rows:
        first = cells.setdefault((row.setting, row.benchmark), row)
        if first is not row:
            raise DataError(
                f"{name}:{row.line}: '{row.setting}' on '{row.benchmark}' was already given in line {first.line}.",
                "Keep one of the two rows.",
            )
    for benchmark in benchmarks:
        for setting in settings:
            if (setting, benchmark) not in cells:
                raise DataError(
                    f"{name}: the row of '{setting}' on '{benchmark}' is missing.",
                    "Every setting needs a row on every benchmark; add it, or take one of the two out.",
                )
    if len(settings) < 2:
        raise DataError(
            f"{name} holds {len(settings)} setting; normalising needs at least 2.",
            "Add rows of other settings.",
        )
    grid = [[cells[s, b] for s in settings] for b in benchmarks]
    return LawTable(
        name=name,
        settings=settings,
        benchmarks=benchmarks,
        A=np.array([[cell.alignment for cell in line] for line in grid]),
        C=np.array([[cell.correspondence for cell in line] for line in grid]),
        performance=np.array([[cell.performance for cell in line] for line in grid]),
        a_definition=_definition(rows[0].definition),
        kinds=tuple(_kind(name, b, [cells[s, b] for s in settings]) for b in benchmarks),
    )


def _definition(name: str) -> Definition:
    return "maxcos" if name == "maxcos" else "loglik" if name == "loglik" else "unspecified"


def _kind(name: str, benchmark: str, rows: Sequence[Row]) -> str:
    """Return the benchmark's group: what its rows agree on, else what the papers say, else other."""
    default = PUBLISHED_KINDS.get(benchmark, "other")
    stated = {row.kind or default: row for row in rows}
    if len(stated) > 1:
        (first, _), (second, row) = list(stated.items())[:2]
        raise DataError(
            f"{name}:{row.line}: '{benchmark}' is of kind '{second}' here and '{first}' in an earlier row.",
            "Give one kind per benchmark.",
        )
    return next(iter(stated))
