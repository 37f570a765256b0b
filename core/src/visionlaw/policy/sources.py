"""The candidates of a project's study: its space, with A and C from where its registry.toml says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from visionlaw.law.tables import SHIPPED, load_table
from visionlaw.policy.candidates import Candidates
from visionlaw.policy.measured import a_of_space, c_of_space
from visionlaw.policy.scores import STORE, from_store, from_table, joined

if TYPE_CHECKING:
    from visionlaw.project import Project
    from visionlaw.spacefile import Scores
    from visionlaw.store import Store


def name_of_sources(scores: Scores) -> str:
    """Return how a study names where its A and C come from: one name, or ``A: …, C: …``."""
    if scores.A == scores.C:
        return scores.A or STORE
    return f"A: {scores.A or STORE}, C: {scores.C or STORE}"


def candidates_of(
    project: Project, store: Store, benchmarks: Sequence[str], representations: Sequence[str] | None = None
) -> Candidates:
    """Return the representations of a project's space with their A and C.

    Args:
        project: Whose registry.toml it is.
        store: What the project has measured.
        benchmarks: The benchmarks of the study, keys of [benchmarks].
        representations: Canonical ids of others instead, whether they are in the space or not.

    Raises:
        DataError: A table cannot be used.
        StudyError: A table follows another definition of A, or lacks a benchmark.
        UnknownIdError: There is no scorer of the name that [alignment] calls A.
        ConfigError, InvalidIdError: The space cannot be made.
    """
    scores = project.space.policy.scores
    names = project.space.representations if representations is None else representations
    if scores.A == scores.C:
        return _from(project, store, benchmarks, names, scores.A)
    alignment = _from(project, store, benchmarks, names, scores.A, uses="A")
    return joined(alignment, _from(project, store, benchmarks, names, scores.C, uses="C"))


def _from(
    project: Project,
    store: Store,
    benchmarks: Sequence[str],
    representations: Sequence[str],
    source: str | None,
    uses: Literal["A", "C", "AC"] = "AC",
) -> Candidates:
    space = project.space
    definition = space.alignment_scorer
    if source is not None:
        path = source if source in SHIPPED else project.space_path.parent / source
        table = load_table(path, unfinished=True, needs_c="C" in uses)
        if "A" not in uses:
            definition = table.a_definition
        return from_table(table, representations, benchmarks, space.canonical, definition)
    a = a_of_space(space, project.registry, benchmarks) if "A" in uses else None
    c = c_of_space(space, project.registry, benchmarks) if "C" in uses else None
    return from_store(store.scores(representations=representations), representations, benchmarks, definition, a, c)
