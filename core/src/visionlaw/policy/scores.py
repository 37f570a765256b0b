"""Where the A and C of a study's candidates come from: tables, or what the project's store has measured.

A study uses one source of A and one of C at a time, and one definition of each: numbers of different protocols do not
share a scale. C may be measured on another data set for each benchmark, since the law is fitted to each by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from visionlaw.errors import DataError, InvalidIdError, StudyError, did_you_mean
from visionlaw.ids import parse_reference
from visionlaw.policy.candidates import Candidates, index_of
from visionlaw.store.rows import FOLDER, ScoreRow

if TYPE_CHECKING:
    from visionlaw.law.tables import LawTable
    from visionlaw.space import SearchSpace

STORE = "store"
"""The name of the source that is the project's own store."""

CORE_SCORER = "correspondence"
ARGMAX = "argmax"
GIVE_A = 'give its A in a CSV file, and name that under [policy] of registry.toml: scores = {{ A = "FILE.csv" }}'
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
    remedy = f"add '{{}}' to '{_literally(table.name)}'"
    if table.name in ("iclr2025", "colm2025"):
        remedy = f"'{table.name}' does not have it; {GIVE_BOTH}"
    sources, remedies = (table.name,) * len(benchmarks), (remedy,) * len(benchmarks)
    return Candidates(
        tuple(representations), tuple(benchmarks), A, C, a_definition, (sources, sources), (remedies, remedies)
    )


@dataclass(frozen=True)
class MeasuredC:
    """Which of the stored scores are the C of a study.

    Attributes:
        datasets: The data set of each benchmark, by its canonical id.
        scorer: The scorer's canonical id.
        protocol: The protocol; None: whatever the scorer's own is.
        matcher: The matcher; None: the protocol has its own.
        alpha: Share of the object's size that counts as hit.
    """

    datasets: tuple[str, ...]
    scorer: str = CORE_SCORER
    protocol: str | None = "strict"
    matcher: str | None = ARGMAX
    alpha: float = 0.10

    @classmethod
    def of_space(cls, space: SearchSpace, scorer: str, benchmarks: Sequence[str]) -> MeasuredC:
        """Return what a registry.toml asks for.

        Args:
            space: The search space.
            scorer: The canonical id of its scorer; options in it go before registry.toml's. The protocols and matchers
                of registry.toml are those of core's; another's count as they are.
            benchmarks: The benchmarks of the study.
        """
        settings, named = space.correspondence, parse_reference(scorer)
        own = named.base == CORE_SCORER
        protocol = named.options.get("protocol", settings.protocol)
        shared = settings.matcher if protocol == settings.protocol else ARGMAX
        return cls(
            datasets=tuple(map(space.correspondence_of, benchmarks)),
            scorer=CORE_SCORER if own else scorer,  # scores of core's are filed under it without its options
            protocol=protocol if own else None,
            matcher=named.options.get("matcher", shared) if own and protocol == "strict" else None,
            alpha=float(named.options.get("alpha", settings.alpha)),
        )

    def includes(self, row: ScoreRow, dataset: str) -> bool:
        """Whether a stored score follows this definition on the project's own data; their version is not looked at."""
        return (
            FOLDER not in row.provenance
            and (row.scorer, row.dataset) == (self.scorer, dataset)
            and self.protocol in (None, row.protocol)
            and self.matcher in (None, _parameters(row)["matcher"])
            and row.params.get("alpha", self.alpha) == self.alpha
        )


def from_store(
    rows: Iterable[ScoreRow],
    representations: Sequence[str],
    benchmarks: Sequence[str],
    a_definition: str,
    measured: MeasuredC,
) -> Candidates:
    """Take A and C from stored scores: ``alignment`` of one definition, C of one definition on each benchmark's data.

    Of several measurements of a candidate the latest counts. C on different versions of a data set, or by different
    protocols or parameters of a scorer, are different measurements: of each data set only those like the one that was
    scored last count, and the remedy of those that lack a C says so where there are others.

    Args:
        rows: Stored scores, the oldest first, as :meth:`visionlaw.store.Store.scores` returns them.
        representations: Canonical ids of the space.
        benchmarks: The benchmarks of the study.
        a_definition: The protocol of A that counts.
        measured: The C that counts.
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
    give_c: list[str] = []
    for line, (benchmark, dataset) in enumerate(zip(benchmarks, measured.datasets, strict=True)):
        of_dataset = [row for row in stored if row.benchmark in ("", benchmark) and measured.includes(row, dataset)]
        latest = [row for row in of_dataset if _measurement(row) == _measurement(of_dataset[-1])]
        for row in latest:
            if row.representation in columns:
                C[line, columns[row.representation]] = row.value
        give_c.append(_give_c(dataset, others=len(latest) < len(of_dataset)))
    return Candidates(
        tuple(representations),
        tuple(benchmarks),
        A,
        C,
        a_definition,
        ((STORE,) * len(benchmarks), measured.datasets),
        ((GIVE_A,) * len(benchmarks), tuple(give_c)),
    )


def joined(alignment: Candidates, correspondence: Candidates) -> Candidates:
    """Return candidates with the A of the first and the C of the second, of the same space and benchmarks."""
    return replace(
        alignment,
        C=correspondence.C,
        sources=(alignment.sources[0], correspondence.sources[1]),
        remedies=(alignment.remedies[0], correspondence.remedies[1]),
    )


def _parameters(row: ScoreRow) -> dict[str, Any]:
    """Return the parameters of a score of C; before there were matchers, all was argmax."""
    return {"matcher": ARGMAX, **row.params}


def _measurement(row: ScoreRow) -> tuple[Any, ...]:
    """Return what scores of one data set must share to be compared."""
    return row.dataset_version, row.protocol, _parameters(row)


def _give_c(dataset: str, *, others: bool) -> str:
    named = _literally(dataset)
    command = f'visionlaw score correspondence "{{}}" --dataset "{named}"'
    if not others:
        return command
    return f"C on another version of '{named}' than the last one scored, or by other rules, does not count: {command}"


def _literally(text: str) -> str:
    """Return a text as it has to stand in a remedy."""
    return text.replace("{", "{{").replace("}", "}}")


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
