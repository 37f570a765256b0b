"""The prior that a project's registry.toml names: published tables, CSV files, the project's own past studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from visionlaw.errors import StudyError, did_you_mean
from visionlaw.law.tables import SHIPPED, LawTable, load_table
from visionlaw.policy.past import FEWEST_RESULTS, Prior, check_definition, usable
from visionlaw.policy.sources import candidates_of
from visionlaw.spacefile import default_path, read_space_file
from visionlaw.store.studies import History, read_history, study_names

if TYPE_CHECKING:
    from visionlaw.project import Project
    from visionlaw.store import Store

STUDIES = "studies"
"""The name of the prior that is the project's own past studies."""


def prior_of(project: Project, store: Store, names: Sequence[str], study: str) -> Prior:
    """Read a prior.

    Args:
        project: Whose registry.toml names it.
        store: Where the project's studies are.
        names: ``iclr2025``, ``colm2025``, ``studies``, or CSV files relative to registry.toml.
        study: The study that builds on it, which is no past of its own.

    Raises:
        StudyError: There is no such prior, its A follows another definition, or it has no results to build on.
        DataError: A table cannot be used.
        ConfigError, InvalidIdError: The space cannot be made.
    """
    prior = Prior(tuple(names))
    for name in dict.fromkeys(names):
        part = _of_studies(project, store, study) if name == STUDIES else _of_table(project, name)
        prior = replace(
            prior,
            tables=prior.tables + part.tables,
            identities=prior.identities + part.identities,
            notes=prior.notes + part.notes,
        )
    return prior


def _of_table(project: Project, name: str) -> Prior:
    path = project.space_path.parent / name
    if name not in SHIPPED and not path.exists():
        raise StudyError(
            f"The prior '{name}' is neither a published table, nor '{STUDIES}', nor a file: there is no '{path}'.",
            did_you_mean(name, (*SHIPPED, STUDIES)) or "Mend prior under [policy] of registry.toml.",
        )
    table = load_table(name if name in SHIPPED else path, unfinished=True)
    check_definition(table, project.space.alignment_scorer)
    kept = usable(table, _canonical(project, published=name in SHIPPED))
    if kept is None:
        raise StudyError(
            f"The prior '{name}' has no benchmark with {FEWEST_RESULTS} results.",
            "Add results, or leave it out of prior under [policy] of registry.toml.",
        )
    lost = [benchmark for benchmark in table.benchmarks if benchmark not in kept[0].benchmarks]
    return Prior((), (kept[0],), (kept[1],), (_left_out(f"The prior '{name}'", lost),) if lost else ())


def _canonical(project: Project, *, published: bool = False) -> Callable[[str], str]:
    """Return the resolver of a space, which also knows the published names where the space's own file lacks them."""
    aliases = read_space_file(default_path()).space.aliases if published else dict[str, str]()

    def canonical(setting: str) -> str:
        known = setting in project.space.aliases
        return project.space.canonical(setting if known else aliases.get(setting, setting))

    return canonical


def _of_studies(project: Project, store: Store, own: str) -> Prior:
    """Return the results of the project's other studies, with the A and C that count today."""
    with store.reading() as session:
        histories = {name: read_history(session, name) for name in study_names(session) if name != own}
    parts: list[tuple[LawTable, tuple[str, ...]]] = []
    notes: list[str] = []
    for name, history in histories.items():
        definition = history.settings.a_definition if history.settings else ""
        if definition != project.space.alignment_scorer:
            notes.append(f"Study '{name}' is no prior here: its A is {definition}, and the two never mix.")
            continue
        found = _tables(project, store, name, history)
        kept = {key: usable(table, _canonical(project)) for key, table in found.items() if table is not None}
        parts += [part for part in kept.values() if part is not None]
        if lost := [key for key in found if kept.get(key) is None]:
            notes.append(_left_out(f"Study '{name}'", lost))
    if not parts:
        notes.append(f"The prior '{STUDIES}' holds nothing yet.")
    return Prior((), tuple(table for table, _ in parts), tuple(names for _, names in parts), tuple(notes))


def _left_out(whose: str, benchmarks: Sequence[str]) -> str:
    return (
        f"{whose} is used without {', '.join(benchmarks)}: fewer than {FEWEST_RESULTS} results of representations "
        "whose A and C are known."
    )


def _tables(project: Project, store: Store, name: str, history: History) -> dict[str, LawTable | None]:
    """Return the results of a study, benchmark by benchmark, since on each other settings may be known; None: none."""
    benchmarks = history.settings.benchmarks if history.settings else ()
    return {benchmark: _table(project, store, name, history, benchmark) for benchmark in benchmarks}


def _table(project: Project, store: Store, name: str, history: History, benchmark: str) -> LawTable | None:
    told = {r: rows[benchmark].value for r, rows in history.results.items() if benchmark in rows}
    if benchmark not in project.space.benchmarks:
        return None
    try:
        candidates = candidates_of(project, store, (benchmark,), tuple(told))
    except StudyError:  # today's scores do not know this benchmark
        return None
    known = candidates.known
    if known.sum() < FEWEST_RESULTS:
        return None
    sign = -1.0 if history.settings and benchmark in history.settings.lower_is_better else 1.0
    return LawTable(
        name=f"study '{name}'",
        settings=candidates.scored,
        benchmarks=(benchmark,),
        A=candidates.A[:, known],
        C=candidates.C[:, known],
        performance=sign * np.array([[told[r] for r in candidates.scored]]),
        a_definition="unspecified",
        kinds=(project.space.benchmarks[benchmark].kind,),
    )
