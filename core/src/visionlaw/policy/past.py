"""The past of a study: finished results of other benchmarks or other studies, brought onto one scale with its own.

A prior is one or several tables of finished settings. Their benchmarks count as past ones, also where the study has a
benchmark of the same name: another recipe was measured there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.errors import InvalidIdError, StudyError
from visionlaw.ids import parse_reference
from visionlaw.law.normalise import min_max
from visionlaw.law.tables import LawTable
from visionlaw.policy.candidates import Candidates, index_of
from visionlaw.policy.state import Past

FEWEST_RESULTS = 3
"""A past benchmark with fewer results tells nothing of how performance follows A and C."""
FEWEST_SHARED = 3
"""With fewer settings in common, two scales cannot be compared."""


@dataclass(frozen=True)
class PriorSource:
    """One table or study of a prior.

    Attributes:
        name: Of the table, or of the study.
        benchmarks: How many of its benchmarks count.
        settings: How many settings it has on them.
        candidates: How many of these are candidates of the study.
    """

    name: str
    benchmarks: int
    settings: int
    candidates: int


@dataclass(frozen=True)
class Prior:
    """What a study builds on before its first result.

    Attributes:
        names: As registry.toml writes them.
        tables: Finished settings, higher performance better; their A follows the study's definition.
        identities: By table, the canonical id of each of its settings.
        notes: What was left out, in sentences.
    """

    names: tuple[str, ...] = ()
    tables: tuple[LawTable, ...] = ()
    identities: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def past(self, candidates: Candidates) -> Past | None:
        """Return it as a sampler sees it; None: there is nothing.

        Args:
            candidates: Those of the study; the scored ones are what the sampler sees.
        """
        return _past(self, candidates) if self.tables else None

    def sources(self, representations: Collection[str]) -> tuple[PriorSource, ...]:
        """Return what it consists of.

        Args:
            representations: Canonical ids of the study's candidates.
        """
        found: dict[str, tuple[int, set[str]]] = {}
        for table, names in zip(self.tables, self.identities, strict=True):
            benchmarks, settings = found.get(table.name, (0, set[str]()))
            found[table.name] = benchmarks + len(table.benchmarks), settings | set(names)
        return tuple(
            PriorSource(name, benchmarks, len(settings), len(settings.intersection(representations)))
            for name, (benchmarks, settings) in found.items()
        )


def check_definition(table: LawTable, a_definition: str) -> None:
    """Refuse a prior whose A is not the study's.

    Args:
        table: The prior.
        a_definition: The scorer that the study calls A, options included.

    Raises:
        StudyError: It follows another definition.
    """
    if table.a_definition not in (parse_reference(a_definition).base, "unspecified"):
        raise StudyError(
            f"A of the prior '{table.name}' is {table.a_definition}, but this study's is {a_definition}; "
            "the two never mix.",
            "Leave it out of prior under [policy] of registry.toml, or name one whose A is defined alike.",
        )


def usable(table: LawTable, canonical: Callable[[str], str]) -> tuple[LawTable, tuple[str, ...]] | None:
    """Return what of a table can be built on, with the canonical ids of its settings; None: nothing.

    Benchmarks with fewer than 3 different results are left out, since they tell nothing apart, and all but the first of
    settings that are one representation.

    Args:
        table: Finished or not.
        canonical: Turns a name into a canonical id; a name that it refuses with InvalidIdError stays as it is.
    """
    names = [_canonical(setting, canonical) for setting in table.settings]
    columns = [i for i, name in enumerate(names) if names.index(name) == i]
    told = table.performance[:, columns]
    different = [len(np.unique(row[np.isfinite(row)])) for row in told]
    rows = [b for b, count in enumerate(different) if count >= FEWEST_RESULTS]
    if not rows:
        return None
    at = np.ix_(rows, columns)
    kept = LawTable(
        name=table.name,
        settings=tuple(table.settings[i] for i in columns),
        benchmarks=tuple(table.benchmarks[b] for b in rows),
        A=table.A[at],
        C=table.C[at],
        performance=table.performance[at],
        a_definition=table.a_definition,
        kinds=tuple(table.kinds[b] for b in rows),
    )
    return kept, tuple(names[i] for i in columns)


def _past(prior: Prior, candidates: Candidates) -> Past:
    """Join tables: their benchmarks one after the other, over all their settings."""
    settings = tuple(dict.fromkeys(name for names in prior.identities for name in names))
    columns, scored = index_of(settings), candidates.scored
    shape = (sum(len(table.benchmarks) for table in prior.tables), len(settings))
    # A setting that a table lacks has no result there, so that its point says nothing; it only has to be a number.
    points, results = np.zeros((*shape, 2)), np.full(shape, np.nan)
    line = 0
    for table, names in zip(prior.tables, prior.identities, strict=True):
        lines, at = slice(line, line + len(table.benchmarks)), [columns[name] for name in names]
        points[lines, at] = np.stack([min_max(table.A), min_max(table.C)], axis=-1)
        results[lines, at] = table.performance
        line += len(table.benchmarks)
    placed = np.stack([_on_past_scale(prior, candidates, variable) for variable in "AC"], axis=-1)
    identity = np.array([columns.get(name, -1) for name in scored], dtype=np.int64)
    return Past(points, results, placed, identity)


def _on_past_scale(prior: Prior, candidates: Candidates, variable: str) -> FloatArray:
    """Return ``[b, scored]``: A or C of the candidates on the scale of the past's normalised ones.

    A benchmark's scale is that of the past benchmarks of the same name, else the mean of all of them.
    """
    own, where = getattr(candidates, variable)[:, candidates.known], index_of(candidates.scored)
    scales: list[tuple[str, FloatArray, IntArray, IntArray]] = []
    for table, names in zip(prior.tables, prior.identities, strict=True):
        shared = [(where[name], j) for j, name in enumerate(names) if name in where]
        here, there = (np.array([pair[i] for pair in shared], dtype=np.int64) for i in (0, 1))
        scales += [(key, row, here, there) for key, row in zip(table.benchmarks, getattr(table, variable), strict=True)]
    placed = np.zeros(own.shape)
    for b, benchmark in enumerate(candidates.benchmarks):
        same = [scale for scale in scales if scale[0] == benchmark]
        placed[b] = np.mean([_place(own[b], past, here, there) for _, past, here, there in same or scales], axis=0)
    return placed


def _place(own: FloatArray, past: FloatArray, here: IntArray, there: IntArray) -> FloatArray:
    """Bring scores ``[k]`` onto the scale on which the past's scores ``[s]`` lie between 0 and 1.

    Scores that are the past's own are placed exactly. Those of another protocol are moved and stretched, so that the
    settings which both have get the same mean and the same spread on either scale. With fewer than 3 of them, or where
    they do not differ, the candidates are normalised among themselves, as the law normalises any space.

    Args:
        own: The candidates' scores.
        past: The past's.
        here: Which candidates are settings of the past.
        there: Which settings they are.
    """
    low, span = past.min(), past.max() - past.min()
    if len(here) and span > 0 and np.allclose(own[here], past[there], rtol=1e-9, atol=0):
        return (own - low) / span
    shared = min_max(past)[there]
    if len(here) < FEWEST_SHARED or not own[here].std() > 0 or not shared.std() > 0:
        return min_max(own)
    return shared.mean() + (own - own[here].mean()) * shared.std() / own[here].std()


def _canonical(setting: str, canonical: Callable[[str], str]) -> str:
    try:
        return canonical(setting)
    except InvalidIdError:
        return setting
