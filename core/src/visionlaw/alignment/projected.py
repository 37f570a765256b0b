"""The images of a scoring job as the language model sees them: projected tokens of all its representations.

One pass over the images serves every representation and every reference: an encoder that is part of several encodes
each image once. Tokens are those that stage 1 was trained on (:class:`visionlaw.features.extractor.Extractor`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from visionlaw.alignment.projector import (
    ProjectorCard,
    check_projector,
    load_projector,
    projector_folder,
    read_card,
)
from visionlaw.errors import DataError
from visionlaw.features.extractor import Extractor
from visionlaw.features.maps import FeatureMap
from visionlaw.features.results import Extracted
from visionlaw.features.sources import Source
from visionlaw.protocols import CaptionedImage, Representation, ScoringJob
from visionlaw.scoring.representations import name_of

if TYPE_CHECKING:
    from visionlaw.alignment.language import LanguageRef


class Projected:
    """A job's representations with their projectors, all found fit before an image is read.

    Args:
        job: Names the folder of projectors and the language model.
        representations: Those of the job, and its references; one that comes again counts once.

    Attributes:
        language: The language model that all projectors were trained for.
        cards: What each representation's projector is, by representation.

    Raises:
        DataError: The job names no projectors or no language model; a projector is not there, or was trained for
            another language model, another combiner, other encoders or another revision of them.
    """

    def __init__(self, job: ScoringJob, representations: Iterable[Representation]) -> None:
        self.language, folder = _required(job)
        self._job = job
        self._device = torch.device(job.device)
        by_name = {name_of(representation): representation for representation in representations}
        self._extractor = Extractor(list(by_name.values()), job.combiner)
        self.cards: dict[str, ProjectorCard] = {}
        self._projectors: dict[str, torch.nn.Module] = {}
        for name, representation in by_name.items():
            projector, card = fitting_projector(folder, representation, self.language, job.combiner_id)
            self.cards[name] = card
            self._projectors[name] = projector.to(self._device)

    def stream(self, images: Sequence[CaptionedImage], stage: str = "encode images") -> Generator[Extracted]:
        """Yield the features of images, in order, by representation; not projected yet.

        Args:
            images: Encoded once each, or found in the job's cache.
            stage: What the job's progress is told.

        Raises:
            DataError: There is no image, or one cannot be loaded.
            PluginError: An encoder or the combiner fails.
        """
        if not images:
            raise DataError("There is no image to measure alignment on.", "Give an image source that has some.")
        sources = (Source(image.key, lambda image=image: image) for image, _ in images)
        found = self._extractor.stream_sources(sources, self._job.cache, strict_images=True)
        self._job.progress(stage, 0, len(images))
        with contextlib.closing(found):
            for done, result in enumerate(found, 1):
                assert isinstance(result, Extracted)  # noqa: S101  bad images raise
                yield result
                self._job.progress(stage, done, len(images))

    def project(self, name: str, features: Sequence[FeatureMap]) -> torch.Tensor:
        """Return the projected tokens of images, ``[n, t, d]`` float32 on the job's device.

        Args:
            name: Of the representation.
            features: Of n images on one grid.

        Raises:
            DataError: The projector takes tokens of another width, or a projected token is not finite.
        """
        card = self.cards[name]
        if features[0].channels != card.channels:
            raise DataError(
                f"The projector of '{name}' takes tokens of {card.channels} channels, and there are "
                f"{features[0].channels}.",
                _again(name),
            )
        with torch.inference_mode():
            tokens = torch.stack([one.tokens for one in features]).to(self._device, torch.float32)
            projected = self._projectors[name](tokens)
            if not bool(torch.isfinite(projected).all()):
                raise DataError(f"The projector of '{name}' makes tokens that are not finite.", _again(name))
        return projected


def fitting_projector(
    projectors: Path, representation: Representation, language: LanguageRef, combiner: str | None = None
) -> tuple[torch.nn.Sequential, ProjectorCard]:
    """Return the projector of a representation for a language model, and its card.

    Args:
        projectors: :attr:`visionlaw.project.Project.projectors`.
        representation: Whose tokens it is to project.
        language: Into whose space.
        combiner: Id of the combiner, options included, for a representation of several encoders; None: any.

    Raises:
        DataError: There is none, or it was trained for another language model, another combiner, other encoders or
            another revision of them, or another width.
    """
    name = name_of(representation)
    folder = projector_folder(projectors, name, language.fingerprint)
    if read_card(folder) is None:
        raise _no_projector(projectors, folder, name, language)
    projector, card = load_projector(folder)
    check_projector(card, representation, language)
    trained = card.combiner.get("id")
    if len(representation) > 1 and combiner is not None and trained != combiner:
        raise DataError(
            f"The projector of '{name}' was trained on what the combiner '{trained}' makes, not '{combiner}'.",
            f"Use that one (combiner under [space] of registry.toml), or train it again: visionlaw align '{name}'",
        )
    if card.width != language.width:
        raise DataError(
            f"The projector of '{name}' makes tokens of {card.width} numbers, and '{language.name}' takes "
            f"{language.width}.",
            _again(name),
        )
    if len(representation) == 1 and card.channels != representation[0].spec.channels:
        raise DataError(
            f"The projector of '{name}' takes tokens of {card.channels} channels, and the encoder makes "
            f"{representation[0].spec.channels}.",
            _again(name),
        )
    return projector, card


def _required(job: ScoringJob) -> tuple[LanguageRef, Path]:
    if job.language is None:
        raise DataError(
            "Projected tokens need a language model, and none is named.",
            "Name it: model under [language] of registry.toml, or --lm.",
        )
    if job.projectors is None:
        raise DataError("Projected tokens need trained projectors, and no folder of them is named.", "Name it.")
    return job.language, job.projectors


def _no_projector(projectors: Path, folder: Path, name: str, language: LanguageRef) -> DataError:
    """Say that there is no projector, or for which other language model there is one."""
    for other in sorted(projectors.glob(f"*/{folder.name}")):
        card = read_card(other)
        if card is not None:
            return DataError(
                f"The projector of '{name}' was trained for the language model '{card.language.get('name')}', not for "
                f"'{language.name}' as it is now.",
                f"Train one: visionlaw align '{name}'",
            )
    return DataError(
        f"There is no projector of '{name}' for the language model '{language.name}'.",
        f"Train it: visionlaw align '{name}'",
    )


def _again(name: str) -> str:
    return f"Train it again: visionlaw align '{name}'"
