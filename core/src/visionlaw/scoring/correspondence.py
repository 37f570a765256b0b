"""Measuring C: a scorer, image pairs and a project's store put together. Imports no torch before something is computed.

::

    from visionlaw.project import Project
    from visionlaw.scoring.correspondence import MeasuringC

    here = Project.find()
    measuring = MeasuringC.prepare(here, dataset="spair", root=Path("SPair-71k"))
    for row in measuring.scores(here.representations(["clip@224", "dinov2@224"])):
        print(row.representation, row.value, row.extra["intervals"]["value"])

In one call, best first: :func:`visionlaw.score`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from visionlaw.errors import DataError
from visionlaw.guard import third_party
from visionlaw.libraries import provenance_of
from visionlaw.project import Project
from visionlaw.protocols import CorrespondenceDataset, Representation, ScoringJob, silent
from visionlaw.scoring.measuring import Measuring, Progress, combiner_of, scorer_options, with_options
from visionlaw.scoring.stored import Measurement
from visionlaw.specs import DatasetSpec, Option, ScorerSpec
from visionlaw.store.rows import FOLDER

if TYPE_CHECKING:
    from visionlaw.correspondence.pairs import Matches, PairTable
    from visionlaw.correspondence.score import CorrespondenceScorer

CORE = "correspondence"
"""The id of core's own scorer of C."""


@dataclass(frozen=True)
class MeasuringC(Measuring):
    """How C is measured: by which scorer, on which image pairs, of which project."""

    verb: ClassVar[str] = "score correspondence"

    data: CorrespondenceDataset

    @classmethod
    def prepare(
        cls,
        project: Project,
        dataset: str | None = None,
        root: Path | None = None,
        scorer: str | None = None,
        device: str | None = None,
        **options: Any,
    ) -> MeasuringC:
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
            DataError: The scorer does not measure on image pairs; the data set needs a folder, or cannot be read.
        """
        settings, registry = project.space.correspondence, project.registry
        chosen = registry.canonical("dataset", dataset or settings.dataset)
        name = registry.canonical("scorer", scorer or settings.scorer)
        chosen_options = _options(project, name, options)
        _require_pairs(registry.scorer_spec(name))
        data = registry.load("dataset", chosen, root=_root(project, chosen, root))
        loaded = registry.load("scorer", name, **chosen_options)
        with third_party(f"Reading the version of '{chosen}'", registry.get("dataset", chosen).distribution):
            version = str(data.version)
        sources = {
            "scorer": provenance_of(registry.get("scorer", name)),
            "dataset": provenance_of(registry.get("dataset", chosen)),
            **_elsewhere(project, chosen, root),
        }
        return cls(
            project,
            loaded,
            data,
            Measurement(_named(project, name, chosen_options), chosen, version, sources, combiner_of(project)),
            device,
        )

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
        job = super().job(representations, progress)
        return replace(job, device="cpu") if job.device.startswith("mps") else job  # Apple's knows no float64


def _options(project: Project, scorer: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scorer's options: those given, else those in its id, else those of registry.toml that it declares."""
    settings, registry = project.space.correspondence, project.registry
    declared = registry.get("scorer", scorer).spec.options
    chosen = scorer_options(registry, scorer, given)
    shared = {"alpha": settings.alpha, "protocol": settings.protocol, "matcher": settings.matcher}
    if chosen.get("protocol", settings.protocol) != settings.protocol:
        del shared["matcher"]  # chosen for the other protocol
    return {
        name: value for name, value in shared.items() if name in declared and _may_be(declared[name], value)
    } | chosen


def _require_pairs(spec: ScorerSpec) -> None:
    if spec.data != "pairs":
        raise DataError(
            f"The scorer '{spec.id}' measures on {spec.data}, not on image pairs.",
            f"visionlaw score alignment --scorer {spec.id}",
        )


def _may_be(option: Option, value: object) -> bool:
    """Tell whether a scorer of another definition understands what registry.toml says of core's."""
    return not option.choices or value in option.choices


def _named(project: Project, scorer: str, options: Mapping[str, Any]) -> str:
    """Return what scores are filed under: core's options are told by its protocol and parameters, not by its id."""
    return (
        CORE
        if project.registry.get("scorer", scorer).spec.id == CORE
        else with_options(project.registry, scorer, options)
    )


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
