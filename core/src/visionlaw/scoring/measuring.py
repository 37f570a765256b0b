"""Measuring: a scorer, what it measures on, and a project's store put together. Imports no torch before it computes.

C is prepared by :mod:`visionlaw.scoring.correspondence`, A by :mod:`visionlaw.scoring.alignment`; what both share is
here: stored scores come first, new ones are stored one by one, and a job is made only where something is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from visionlaw.errors import InvalidIdError, did_you_mean
from visionlaw.ids import Reference, parse_reference
from visionlaw.kept import ROWS_SHARE, trim
from visionlaw.libraries import provenance_of, require_torch
from visionlaw.project import Project
from visionlaw.protocols import Representation, Scorer, ScoringJob, silent
from visionlaw.registry import Registry
from visionlaw.scoring.stored import Measurement, score_and_store
from visionlaw.specs import ScorerSpec
from visionlaw.store import ScoreRow, Store, run_provenance

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Measuring:
    """How one variable of the law is measured: by which scorer, on which data, of which project.

    Attributes:
        project: Whose store and caches are used.
        scorer: The scorer, with its parameters.
        data: What it measures on.
        measurement: What both are, for the identity of the scores.
        device: Where the scorer's own tensors are computed, as torch names it; None: where encoders are.
    """

    verb: ClassVar[str] = "score"

    project: Project
    scorer: Scorer
    data: Any
    measurement: Measurement
    device: str | None

    def ranked(self, rows: Iterable[ScoreRow]) -> list[ScoreRow]:
        """Return scores best first, which for some scorers means the lowest first."""
        spec = cast("ScorerSpec", self.project.registry.get("scorer", self.measurement.scorer).spec)
        return sorted(rows, key=lambda row: -row.value if spec.higher_is_better else row.value)

    def scores(
        self, representations: Sequence[Representation], store: Store | None = None, progress: Progress = silent
    ) -> Iterator[ScoreRow]:
        """Yield the score of every representation: stored ones first, new ones stored as soon as they are known.

        Args:
            representations: As :meth:`visionlaw.project.Project.representations` returns them.
            store: Where scores are kept; None: the project's.
            progress: See :class:`visionlaw.protocols.ScoringJob`.

        Raises:
            StoreError: The store cannot be read or written.
            DataError, PluginError: As :func:`visionlaw.scoring.stored.score_and_store` and the scorer.
        """
        if store is None:
            with Store.of_project(self.project.state_dir, create=False) as own:
                yield from self.scores(representations, own, progress)
            return

        began = False

        def begin(missing: Sequence[Representation]) -> tuple[ScoringJob, int]:
            nonlocal began
            began = True
            plugins = {e.provenance["distribution"]: e.provenance["version"] for r in missing for e in r}
            told = run_provenance(sys.argv[1:], plugins=plugins, protocol=self.scorer.protocol)
            return self.job(missing, progress), store.start_run(self.verb, told)

        yield from score_and_store(self.scorer, representations, self.measurement_of(representations), store, begin)
        if began:
            trim(self.project)

    def measurement_of(self, representations: Sequence[Representation]) -> Measurement:
        """Return the measurement, with what it is for each of some representations."""
        return self.measurement

    def job(self, representations: Sequence[Representation], progress: Progress = silent) -> ScoringJob:
        """Return the job that computes what is not stored.

        Raises:
            MissingDependencyError: torch is not installed.
        """
        require_torch()
        from visionlaw.features.cache import FeatureCache
        from visionlaw.features.runtime import choose_device

        here, device = self.project, choose_device(self.device)
        limit = here.file.cache.limit
        return ScoringJob(
            representations,
            self.data,
            here.registry.load("combiner", here.space.combiner),
            combiner_id=here.registry.canonical("combiner", here.space.combiner),
            cache=FeatureCache(here.feature_cache, limit, beside=here.row_cache),
            scratch=here.scratch,
            scratch_limit=int(limit * ROWS_SHARE),
            device=str(device),
            progress=progress,
        )


def scorer_options(registry: Registry, scorer: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a scorer: those given, else those in its id.

    Raises:
        UnknownIdError, PluginError: There is no such scorer, or it cannot be used.
        InvalidIdError: The scorer has no such option, or the option no such value.
    """
    declared = registry.get("scorer", scorer).spec.options
    for name in given:
        if name not in declared:
            raise InvalidIdError(
                f"The scorer '{scorer}' has no option '{name}'.",
                did_you_mean(name, declared) or f"Its options: {', '.join(declared) or 'none'}.",
            )
    reference = parse_reference(scorer)
    told = {**reference.options, **{name: str(value) for name, value in given.items()}}
    return registry.options("scorer", str(Reference(reference.base, told)))


def with_options(registry: Registry, scorer: str, options: Mapping[str, Any]) -> str:
    """Return the canonical id of a scorer with options: those that have their default are left out."""
    spec = registry.get("scorer", scorer).spec
    changed = {name: str(value) for name, value in options.items() if value != spec.options[name].default}
    return str(Reference(spec.id, changed))


def combiner_of(project: Project) -> dict[str, Any]:
    """Return what the project's combiner is, for the identity of scores."""
    registry, combiner = project.registry, project.space.combiner
    return {"id": registry.canonical("combiner", combiner)} | provenance_of(registry.get("combiner", combiner))
