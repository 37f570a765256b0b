"""Measuring A, or any score on images or captions: a scorer, drawn images, projectors and a project's store.

::

    from visionlaw.project import Project
    from visionlaw.scoring.alignment import Method

    here = Project.find()
    for measuring in Method.prepare(here).on_benchmarks():
        for row in measuring.scores(here.representations(["clip@224", "dinov2@224"])):
            print(row.benchmark, row.representation, row.value, row.extra["interval"])

A scorer of images has one score for each benchmark, on the benchmark's own images; a scorer of captions has one for
all of them. In one call, best first: :func:`visionlaw.score_alignment`. Imports no torch where no projector is needed
and everything is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from visionlaw.errors import ConfigError, DataError, UnknownIdError, did_you_mean
from visionlaw.guard import third_party
from visionlaw.images import Drawn, draw
from visionlaw.libraries import provenance_of
from visionlaw.project import Project
from visionlaw.protocols import Representation, Scorer, ScoringJob, silent
from visionlaw.scoring.measuring import Measuring, Progress, combiner_of, scorer_options, with_options
from visionlaw.scoring.needs import is_aside, language_of, references_of, untrained
from visionlaw.scoring.representations import name_of
from visionlaw.scoring.stored import Measurement
from visionlaw.space import ImagesAt
from visionlaw.specs import ScorerSpec
from visionlaw.store.rows import ASIDE, FOLDER

if TYPE_CHECKING:
    from visionlaw.alignment.language import LanguageRef
    from visionlaw.features.runtime import Runtime

ALL = ""
"""The benchmark of scores that serve all benchmarks."""


@dataclass(frozen=True)
class Method:
    """How A is measured, whatever the images: by which scorer, against what, for which language model.

    Attributes:
        project: Whose settings, store, projectors and caches are used.
        name: The scorer's canonical id, options included: what scores are filed under.
        scorer: The scorer, with its parameters.
        n: How many images are drawn.
        seed: Of the drawing.
        language: The language model; None where the scorer needs none.
        references: The reference encoders; none where the scorer needs none.
        given_language: Whether ``language`` was given instead of the project's.
        device: Where the scorer's own tensors are computed, as torch names it; None: where encoders are.
    """

    project: Project
    name: str
    scorer: Scorer
    n: int
    seed: int
    language: LanguageRef | None = None
    references: Sequence[Representation] = ()
    given_language: bool = False
    device: str | None = None

    @classmethod
    def prepare(
        cls,
        project: Project,
        scorer: str | None = None,
        *,
        n: int | None = None,
        seed: int | None = None,
        language: str | None = None,
        revision: str | None = None,
        runtime: Runtime | None = None,
        checkpoints: Mapping[str, Path] | None = None,
        **options: Any,
    ) -> Method:
        """Load the scorer and find what it needs.

        Args:
            project: Its registry.toml says what is not said here.
            scorer: Id of the scorer; None: what [alignment] calls A.
            n: How many images are drawn of each source.
            seed: Of the drawing.
            language: The language model: a folder, or a hub repository.
            revision: Of the hub repository.
            runtime: Device and precision of the reference encoders.
            checkpoints: Encoder id → a local folder, for the references; of others they are left aside.
            **options: Options of the scorer.

        Raises:
            UnknownIdError, PluginError: There is no such scorer or reference, or it cannot be used.
            InvalidIdError: The scorer has no such option, or the option no such value.
            DataError: The scorer measures on pairs of images.
            ConfigError: A language model or references are needed, and none are named.
            WeightsError: The language model is not there.
        """
        registry, settings = project.registry, project.space.alignment
        named = registry.canonical("scorer", scorer or settings.definition)
        chosen = scorer_options(registry, named, options)
        name = with_options(registry, named, chosen)
        spec = registry.scorer_spec(name)
        if spec.data == "pairs":
            raise DataError(
                f"The scorer '{spec.id}' measures on pairs of images with keypoints, not on images or captions.",
                f"visionlaw score correspondence --scorer {spec.id}",
            )
        found = language_of(project, spec, language, revision)
        return cls(
            project,
            name,
            registry.load("scorer", named, **chosen),
            settings.images if n is None else n,
            settings.seed if seed is None else seed,
            found,
            references_of(project, spec, runtime, checkpoints or {}),
            given_language=found is not None and is_aside(project, language, revision),
            device=None if runtime is None else runtime.device,
        )

    @property
    def spec(self) -> ScorerSpec:
        """The scorer's spec, as its options change it."""
        return self.project.registry.scorer_spec(self.name)

    def sources(self, benchmarks: Sequence[str] | None = None) -> dict[str, ImagesAt]:
        """Return the image source of each benchmark, or under :data:`ALL` that of the captions that serve all.

        Args:
            benchmarks: Keys of [benchmarks]; None: all that name images.

        Raises:
            UnknownIdError: There is no such benchmark.
            ConfigError: registry.toml names no images of a benchmark that is asked for, or none at all.
            DataError: Benchmarks are asked for, and the scorer has one score for all of them.
        """
        space = self.project.space
        if self.spec.data == "captions":
            for benchmark in benchmarks or ():
                self._require(benchmark)
            if space.captions is None:
                raise ConfigError(
                    f"The scorer '{self.name}' measures on image–caption pairs, and none are named.",
                    'Write captions = "list" and captions_root = "FILE" under [alignment] of registry.toml, or give '
                    "--images SOURCE --root PATH.",
                )
            return {ALL: space.captions}
        asked = tuple(space.benchmarks) if benchmarks is None else tuple(benchmarks)
        for benchmark in asked:
            self._require(benchmark)
        found = {benchmark: images for benchmark in asked if (images := space.images_of(benchmark)) is not None}
        without = [benchmark for benchmark in asked if benchmark not in found]
        if not found or (without and benchmarks is not None):
            raise ConfigError(
                f"registry.toml names no images of {', '.join(map(repr, without)) or 'any benchmark'}.",
                'Write images = "folder" and images_root = "FOLDER" beside the benchmark\'s name under [benchmarks], '
                "or give --images SOURCE --root PATH.",
            )
        return found

    def on_benchmarks(self, benchmarks: Sequence[str] | None = None) -> list[MeasuringA]:
        """Draw the images of each of :meth:`sources`.

        Raises:
            UnknownIdError, ConfigError, PluginError, DataError: As :meth:`sources` and :meth:`on`.
        """
        return [self.on(images, benchmark) for benchmark, images in self.sources(benchmarks).items()]

    def on(self, images: ImagesAt, benchmark: str = ALL) -> MeasuringA:
        """Draw images of one source, for one benchmark or for all.

        Raises:
            UnknownIdError, PluginError: There is no such benchmark or image source, or it cannot be used.
            DataError: It cannot be read, or has too few images; a scorer of captions is given images of one benchmark.
        """
        registry, captions = self.project.registry, self.spec.data == "captions"
        if benchmark != ALL:
            self._require(benchmark)
        name = registry.canonical("image_source", images.source)
        entry = registry.get("image_source", name)
        source = registry.load("image_source", name, root=images.root)
        at = f"{name} ({images.root})" if images.root else name
        with third_party(f"Reading '{name}'", entry.distribution, entry.spec.extras):
            drawn = draw(source, self.n, self.seed, captions=captions, name=at)
        measurement = Measurement(
            self.name,
            name,
            drawn.version,
            {
                "scorer": provenance_of(registry.get("scorer", self.name)),
                "dataset": provenance_of(entry),
                **self._behind,
                **self._elsewhere(ImagesAt(name, images.root), benchmark),
            },
            combiner_of(self.project),
            benchmark,
            {"images": self.n, "seed": self.seed},
            told={} if self.language is None else {"language": self.language.name},
        )
        return MeasuringA(self.project, self.scorer, drawn, measurement, self.device, self)

    def check_trained(self, representations: Iterable[Representation]) -> None:
        """Check that representations have projectors, if the scorer needs them.

        Raises:
            DataError: Some have none.
        """
        missing = self.without_projector(representations)
        if missing:
            raise untrained(missing)

    def without_projector(self, representations: Iterable[Representation]) -> list[str]:
        """Return the representations that have no projector for the language model, if the scorer needs projectors.

        Raises:
            DataError: The card of a projector cannot be read.
        """
        if "projectors" not in self.spec.needs:
            return []
        return [name for r in representations if self.projector(name := name_of(r)) is None]

    def projector(self, representation: str) -> str | None:
        """Return the digest of a representation's projector; None where there is none.

        Raises:
            DataError: Its card cannot be read.
        """
        from visionlaw.alignment.projector import projector_folder, read_card

        if self.language is None:
            return None
        folder = projector_folder(self.project.projectors, representation, self.language.fingerprint)
        card = read_card(folder)
        return None if card is None else card.digest

    def _require(self, benchmark: str) -> None:
        known = self.project.space.benchmarks
        if benchmark not in known:
            raise UnknownIdError(
                f"'{benchmark}' is not under [benchmarks] of registry.toml.",
                did_you_mean(benchmark, known) or f"It has: {', '.join(known) or 'none'}.",
            )
        if self.spec.data == "captions":
            raise DataError(
                f"The scorer '{self.name}' has one score for all benchmarks, none for '{benchmark}' alone.",
                "Leave out --benchmark.",
            )

    @cached_property
    def _behind(self) -> dict[str, Any]:
        """What the scores depend on beside scorer, images and representation."""
        missing = self.without_projector(self.references)
        if missing:
            raise untrained(missing, "reference")
        references = {
            name_of(reference): {
                "encoders": {part.id: dict(part.provenance) for part in reference},
                **({"projector": self.projector(name_of(reference))} if "projectors" in self.spec.needs else {}),
            }
            for reference in self.references
        }
        language = {} if self.language is None else {"language": self.language.fingerprint}
        return ({"references": references} if references else {}) | language

    def _elsewhere(self, images: ImagesAt, benchmark: str) -> dict[str, str]:
        """Return what was given instead of the project's: no study uses such scores."""
        space = self.project.space
        if self.spec.data == "captions":
            own = space.captions
        else:
            own = space.images_of(benchmark) if benchmark in space.benchmarks else None
        other = own is not None and (own.source, _resolved(own.root)) != (images.source, _resolved(images.root))
        folder = {FOLDER: str(_resolved(images.root) or images.source)} if other else {}
        aside = {ASIDE: self.language.fingerprint} if self.given_language and self.language is not None else {}
        return folder | aside


@dataclass(frozen=True)
class MeasuringA(Measuring):
    """A on the images of one benchmark, or on image–caption pairs.

    Attributes:
        method: How it is measured.
    """

    verb: ClassVar[str] = "score alignment"

    data: Drawn
    method: Method

    def measurement_of(self, representations: Sequence[Representation]) -> Measurement:
        """Return the measurement, with the projector of each representation.

        Raises:
            DataError: Representations have no projector.
        """
        self.method.check_trained(representations)
        if "projectors" not in self.method.spec.needs:
            return self.measurement
        names = map(name_of, representations)
        return replace(self.measurement, of_each={name: {"projector": self.method.projector(name)} for name in names})

    def job(self, representations: Sequence[Representation], progress: Progress = silent) -> ScoringJob:
        """Return the job that computes what is not stored.

        Raises:
            MissingDependencyError: torch is not installed.
        """
        return replace(
            super().job(representations, progress),
            projectors=self.project.projectors,
            references=self.method.references,
            language=self.method.language,
        )


def _resolved(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()
