"""Where the A and C of a study's candidates come from: one table, or what the project's store has measured.

A study uses one source at a time, and one definition of A: numbers of different protocols do not share a scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from visionlaw.errors import DataError, InvalidIdError, StudyError, did_you_mean
from visionlaw.policy.candidates import Candidates, index_of
from visionlaw.store.rows import ScoreRow

if TYPE_CHECKING:
    from visionlaw.law.tables import LawTable

STORE = "store"
"""The name of the source that is the project's own store."""

SCORE_C = 'visionlaw score correspondence "{}"'
GIVE_A = "give its A and C in a CSV file, and name that as scores under [policy] of registry.toml"


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
        a_definition: The definition that the study follows.

    Raises:
        StudyError: The table follows another definition of A, or lacks a benchmark.
        DataError: Two settings of the table are the same representation.
    """
    if table.a_definition not in (a_definition, "unspecified"):
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
    remedy = f"add '{{}}' to '{table.name}'"
    if table.name in ("iclr2025", "colm2025"):
        remedy = f"'{table.name}' does not have it; {GIVE_A}"
    return Candidates(tuple(representations), tuple(benchmarks), A, C, a_definition, table.name, (remedy, remedy))


def from_store(
    rows: Iterable[ScoreRow],
    representations: Sequence[str],
    benchmarks: Sequence[str],
    a_definition: str,
    *,
    dataset: str,
    protocol: str,
    alpha: float,
) -> Candidates:
    """Take A and C from stored scores: ``alignment`` of one definition, ``correspondence`` of one data set.

    Of several measurements of a candidate the latest counts. C of different versions of a data set are different
    measurements: only those of the version that was scored last count, and the remedy of those that lack a C says so
    where there are others.

    Args:
        rows: Stored scores, the oldest first, as :meth:`visionlaw.store.Store.scores` returns them.
        representations: Canonical ids of the space.
        benchmarks: The benchmarks of the study.
        a_definition: The protocol of A that counts.
        dataset: The correspondence data set that counts.
        protocol: The protocol of C that counts.
        alpha: The α of C that counts.
    """
    stored = list(rows)
    shape = (len(benchmarks), len(representations))
    A, C = np.full(shape, np.nan), np.full(shape, np.nan)
    columns, lines = index_of(representations), index_of(benchmarks)
    for row in stored:
        if row.scorer == "alignment" and row.protocol == a_definition and row.representation in columns:
            if not row.benchmark:
                A[:, columns[row.representation]] = row.value
            elif row.benchmark in lines:
                A[lines[row.benchmark], columns[row.representation]] = row.value
    matching = [
        row
        for row in stored
        if (row.scorer, row.dataset, row.protocol) == ("correspondence", dataset, protocol)
        and row.params.get("alpha") == alpha
    ]
    latest = [row for row in matching if row.dataset_version == matching[-1].dataset_version]
    for row in latest:
        if row.representation in columns:
            C[:, columns[row.representation]] = row.value
    give_c = SCORE_C
    if len(latest) < len(matching):
        named = dataset.replace("{", "{{").replace("}", "}}")
        give_c = f"C on another version of '{named}' than the last one scored does not count: {SCORE_C}"
    return Candidates(tuple(representations), tuple(benchmarks), A, C, a_definition, STORE, (GIVE_A, give_c))


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
