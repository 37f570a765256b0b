"""Where the A and C of a study's candidates come from: tables, or what the project's store has measured.

A study uses one source of A and one of C at a time, and one definition of each: numbers of different protocols do not
share a scale. Both may be measured on other data for each benchmark, since the law is fitted to each by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from visionlaw.errors import DataError, InvalidIdError, StudyError, did_you_mean
from visionlaw.ids import parse_reference
from visionlaw.policy.candidates import Candidates, index_of
from visionlaw.policy.measured import Measured, literally
from visionlaw.store.rows import ScoreRow

if TYPE_CHECKING:
    from visionlaw.arrays import FloatArray
    from visionlaw.law.tables import LawTable

STORE = "store"
"""The name of the source that is the project's own store."""

GIVE_BOTH = "give its scores in a CSV file, and name that as scores under [policy] of registry.toml"


def from_table(
    table: LawTable,
    representations: Sequence[str],
    benchmarks: Sequence[str],
    canonical: Callable[[str], str],
    a_definition: str,
) -> Candidates:
    """Take A and C from a finished or unfinished table; its performances are not looked at.

    Settings are matched by id, alias or published name; those that are not in the space, or name nothing, are left out.

    Args:
        table: A published table or a user's.
        representations: Canonical ids of the space.
        benchmarks: The benchmarks of the study.
        canonical: Turns an id, an alias or a published name into the canonical id; raises InvalidIdError for what is
            none.
        a_definition: The scorer that the study calls A, options included.

    Raises:
        StudyError: The table follows another definition of A, or lacks a benchmark.
        DataError: Two settings of the table are the same representation.
    """
    if table.a_definition not in (parse_reference(a_definition).base, "unspecified"):
        raise StudyError(
            f"A of '{table.name}' is {table.a_definition}, but this study's is {a_definition}; the two never mix.",
            f'Write definition = "{table.a_definition}" under [alignment] of registry.toml, or use other scores.',
        )
    rows = index_of(table.benchmarks)
    for benchmark in benchmarks:
        if benchmark not in rows:
            hint = did_you_mean(benchmark, rows) or f"It has {', '.join(table.benchmarks)}."
            raise StudyError(f"The scores '{table.name}' have no benchmark '{benchmark}'.", hint)
    columns = _columns(table, representations, canonical)
    shape = (len(benchmarks), len(representations))
    A, C = np.full(shape, np.nan), np.full(shape, np.nan)
    pick = [rows[benchmark] for benchmark in benchmarks]
    for representation, setting in columns.items():
        column = representations.index(representation)
        A[:, column], C[:, column] = table.A[pick, setting], table.C[pick, setting]
    remedy = f"add '{{}}' to '{literally(table.name)}'"
    if table.name in ("iclr2025", "colm2025"):
        remedy = f"'{table.name}' does not have it; {GIVE_BOTH}"
    sources, remedies = (table.name,) * len(benchmarks), (remedy,) * len(benchmarks)
    return Candidates(
        tuple(representations), tuple(benchmarks), A, C, a_definition, (sources, sources), (remedies, remedies)
    )


def from_store(
    rows: Iterable[ScoreRow],
    representations: Sequence[str],
    benchmarks: Sequence[str],
    a_definition: str,
    a: Measured | None,
    c: Measured | None,
) -> Candidates:
    """Take A and C from stored scores, each of one definition on each benchmark.

    Of several measurements of a candidate the latest counts. Scores on different versions of the data, or by different
    protocols or parameters of a scorer, are different measurements: on each benchmark only those like the one that was
    scored last count, and the remedy of those that lack a score says so where there are others.

    Args:
        rows: Stored scores, the oldest first, as :meth:`visionlaw.store.Store.scores` returns them.
        representations: Canonical ids of the space.
        benchmarks: The benchmarks of the study.
        a_definition: What the study calls A, for people.
        a: The A that counts; None: A comes from elsewhere.
        c: The C that counts; None: C comes from elsewhere.
    """
    stored, elsewhere = list(rows), ("",) * len(benchmarks)
    shape = (len(benchmarks), len(representations))
    A, give_a = (np.full(shape, np.nan), elsewhere) if a is None else _column(stored, representations, benchmarks, a)
    C, give_c = (np.full(shape, np.nan), elsewhere) if c is None else _column(stored, representations, benchmarks, c)
    return Candidates(
        tuple(representations),
        tuple(benchmarks),
        A,
        C,
        a_definition,
        ((STORE,) * len(benchmarks), elsewhere if c is None else c.sources),
        (give_a, give_c),
    )


def _column(
    stored: Sequence[ScoreRow], representations: Sequence[str], benchmarks: Sequence[str], measured: Measured
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return ``[b, k]`` scores, NaN where there is none, and by benchmark how they are obtained."""
    columns, found = index_of(representations), np.full((len(benchmarks), len(representations)), np.nan)
    remedies: list[str] = []
    for line, benchmark in enumerate(benchmarks):
        usable = [row for row in stored if row.benchmark in ("", benchmark) and measured.includes(row, line)]
        latest = [row for row in usable if measured.identity(row) == measured.identity(usable[-1])]
        for row in latest:
            if row.representation in columns:
                found[line, columns[row.representation]] = row.value
        remedies.append(measured.remedy(line, others=len(latest) < len(usable)))
    return found, tuple(remedies)


def joined(alignment: Candidates, correspondence: Candidates) -> Candidates:
    """Return candidates with the A of the first and the C of the second, of the same space and benchmarks."""
    return replace(
        alignment,
        C=correspondence.C,
        sources=(alignment.sources[0], correspondence.sources[1]),
        remedies=(alignment.remedies[0], correspondence.remedies[1]),
    )


def _columns(table: LawTable, representations: Sequence[str], canonical: Callable[[str], str]) -> dict[str, int]:
    """Return which setting of the table each representation is."""
    known = set(representations)
    columns: dict[str, int] = {}
    for i, setting in enumerate(table.settings):
        try:
            representation = canonical(setting)
        except InvalidIdError:
            continue
        if representation not in known:
            continue
        if representation in columns:
            raise DataError(
                f"'{table.settings[columns[representation]]}' and '{setting}' of '{table.name}' are one "
                f"representation, '{representation}'.",
                "Keep one of the two.",
            )
        columns[representation] = i
    return columns
