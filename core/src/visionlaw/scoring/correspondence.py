"""Measuring C: a scorer, image pairs and a project's store put together. Imports no torch before something is computed.

::

    from visionlaw.project import Project
    from visionlaw.scoring.measuring import Measuring

    here = Project.find()
    measuring = Measuring.prepare(here, dataset="spair", root=Path("SPair-71k"))
    for row in measuring.scores(here.representations(["clip@224", "dinov2@224"])):
        print(row.representation, row.value, row.extra["intervals"]["value"])

In one call, best first: :func:`visionlaw.score`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from visionlaw.errors import DataError, InvalidIdError, did_you_mean
from visionlaw.guard import third_party
from visionlaw.ids import Reference, parse_reference
from visionlaw.kept import ROWS_SHARE, trim
from visionlaw.libraries import provenance_of, require_torch
from visionlaw.project import Project
from visionlaw.protocols import CorrespondenceDataset, Representation, Scorer, ScoringJob, silent
from visionlaw.scoring.stored import Measurement, score_and_store
from visionlaw.specs import DatasetSpec, Option, ScorerSpec
from visionlaw.store import ScoreRow, Store, run_provenance
from visionlaw.store.rows import FOLDER

if TYPE_CHECKING:
    from visionlaw.correspondence.pairs import Matches, PairTable
    from visionlaw.correspondence.score import CorrespondenceScorer

CORE = "correspondence"
"""The id of core's own scorer of C."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Measuring:
    """How C is measured: by which scorer, on which image pairs, of which project.

    Attributes:
        project: Whose store and caches are used.
        scorer: The scorer, with its parameters.
        data: The image pairs.
        measurement: What both are, for the identity of the scores.
        device: Where the scorer's own tensors are computed, as torch names it; None: where encoders are.
    """

    project: Project
    scorer: Scorer
    data: CorrespondenceDataset
    measurement: Measurement
    device: str | None = None

    @classmethod
    def prepare(
        cls,
        project: Project,
        dataset: str | None = None,
        root: Path | None = None,
        scorer: str | None = None,
        device: str | None = None,
        **options: Any,
    ) -> Measuring:
        """Load the scorer and open the data set; nothing here needs torch.

        Args:
            project: Its registry.toml says what is not said here.
            dataset: Id of the image pairs.
            root: Folder of the data set.
            scorer: Id of the scorer.
            device: Where the scorer's own tensors are computed.
            **options: Options of the scorer: ``alpha``, ``protocol``, ``matcher`` for core's.

        Raises:
            UnknownIdError, PluginError: There is no such scorer or data set, or it cannot be used.
            InvalidIdError: The scorer has no such option, or the option no such value.
            DataError: The data set needs a folder, or cannot be read.
        """
        settings, registry = project.space.correspondence, project.registry
        chosen = registry.canonical("dataset", dataset or settings.dataset)
        name = registry.canonical("scorer", scorer or settings.scorer)
        chosen_options = _options(project, name, options)
        data = registry.load("dataset", chosen, root=_root(project, chosen, root))
        loaded = registry.load("scorer", name, **chosen_options)
        with third_party(f"Reading the version of '{chosen}'", registry.get("dataset", chosen).distribution):
            version = str(data.version)
        sources = {
            "scorer": provenance_of(registry.get("scorer", name)),
            "dataset": provenance_of(registry.get("dataset", chosen)),
            **_elsewhere(project, chosen, root),
        }
        combiner = project.space.combiner
        how = {"id": registry.canonical("combiner", combiner)} | provenance_of(registry.get("combiner", combiner))
        return cls(
            project,
            loaded,
            data,
            Measurement(_named(project, name, chosen_options), chosen, version, sources, how),
            device,
        )

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
            return self.job(missing, progress), store.start_run("score correspondence", told)

        yield from score_and_store(self.scorer, representations, self.measurement, store, begin)
        if began:
            trim(self.project)

    def matches(
        self, representations: Sequence[Representation], progress: Progress = silent
    ) -> tuple[PairTable, Iterator[tuple[Representation, Matches]]]:
        """Return the image pairs, and where each representation finds their keypoints.

        Raises:
            DataError: The scorer is not core's: another one's matches are not known.
        """
        from visionlaw.correspondence.pairs import read_pairs

        self.require_matches()
        job = self.job(representations, progress)
        table = read_pairs(self.data)
        return table, cast("CorrespondenceScorer", self.scorer).match(job, table)

    def require_matches(self) -> None:
        """Check that the scorer tells where it finds the keypoints.

        Raises:
            DataError: It is not core's.
        """
        if self.measurement.scorer != CORE:
            raise DataError(
                f"The scorer '{self.measurement.scorer}' tells scores, not where it found the keypoints.",
                f"Use core's: --scorer {CORE}",
            )

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
            cache=FeatureCache(here.feature_cache, limit, beside=here.row_cache),
            scratch=here.scratch,
            scratch_limit=int(limit * ROWS_SHARE),
            device="cpu" if device.type == "mps" else str(device),  # Apple's knows no float64
            progress=progress,
        )


def _options(project: Project, scorer: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scorer's options: those given, else those in its id, else those of registry.toml that it declares."""
    settings, registry = project.space.correspondence, project.registry
    declared = registry.get("scorer", scorer).spec.options
    for name in given:
        if name not in declared:
            raise InvalidIdError(
                f"The scorer '{scorer}' has no option '{name}'.",
                did_you_mean(name, declared) or f"Its options: {', '.join(declared) or 'none'}.",
            )
    reference = parse_reference(scorer)
    told = Reference(reference.base, {**reference.options, **{name: str(value) for name, value in given.items()}})
    chosen = registry.options("scorer", str(told))
    shared = {"alpha": settings.alpha, "protocol": settings.protocol, "matcher": settings.matcher}
    if chosen.get("protocol", settings.protocol) != settings.protocol:
        del shared["matcher"]  # chosen for the other protocol
    return {
        name: value for name, value in shared.items() if name in declared and _may_be(declared[name], value)
    } | chosen


def _may_be(option: Option, value: object) -> bool:
    """Tell whether a scorer of another definition understands what registry.toml says of core's."""
    return not option.choices or value in option.choices


def _named(project: Project, scorer: str, options: Mapping[str, Any]) -> str:
    """Return what scores are filed under: core's options are told by its protocol and parameters, not by its id."""
    spec = project.registry.get("scorer", scorer).spec
    changed = {name: str(value) for name, value in options.items() if value != spec.options[name].default}
    return str(Reference(spec.id, {} if spec.id == CORE else changed))


def _elsewhere(project: Project, dataset: str, given: Path | None) -> dict[str, str]:
    """Return the folder that was given instead of the project's, as part of a score's provenance: no study uses it."""
    spec, own = project.registry.get("dataset", dataset).spec, project.space.root_of(dataset)
    needed = isinstance(spec, DatasetSpec) and spec.needs_root
    if given is None or (own is None and needed) or (own is not None and given.resolve() == own.resolve()):
        return {}
    return {FOLDER: str(given.resolve())}


def _root(project: Project, dataset: str, given: Path | None) -> Path | None:
    """Return the folder of the data: the one given, or the project's for this data set."""
    spec = project.registry.get("dataset", dataset).spec
    root = given or project.space.root_of(dataset)
    if isinstance(spec, DatasetSpec) and spec.needs_root and root is None:
        raise DataError(
            f"The data set '{spec.id}' needs a folder.",
            f"Give it with --data FOLDER, or as {spec.id} under [correspondence.roots] of registry.toml.",
        )
    if root is not None and not root.is_dir():
        raise DataError(f"'{root}' is not a folder.", "Give the folder of the data set with --data FOLDER.")
    return root
