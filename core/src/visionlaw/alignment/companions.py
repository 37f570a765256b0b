"""What the training-free companions of A share: pooled features of images, compared with something of the same images.

A companion takes the mean token of each image and compares how these n vectors lie with how n other vectors of the same
images lie: the language model's embeddings of their captions (``against=text``), or the mean tokens of reference
encoders (``against=reference``; the score is the mean over the references). Nothing is trained. The numbers are
predictors to put beside A, each with a definition of its own, and none of them estimates A.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch

from visionlaw.alignment.pooled import pool
from visionlaw.alignment.texts import embed
from visionlaw.errors import DataError, did_you_mean
from visionlaw.protocols import CaptionedImage, Score, ScoringJob
from visionlaw.scoring.representations import name_of
from visionlaw.specs import ScorerSpec

TEXT, REFERENCE = "text", "reference"
AGAINST = (TEXT, REFERENCE)
LAST = -1
TWO_SIDED = 1.96
"""Standard errors on each side of a 95% interval."""


@dataclass(frozen=True)
class Compared:
    """What comparing one representation gave.

    Attributes:
        value: The score.
        details: What was measured along with it, as JSON values; ``interval`` is a 95% interval, where there is one.
    """

    value: float
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


Comparison = Callable[[torch.Tensor], Compared]
"""Compares ``[n, C]`` float64 features with targets that are prepared already."""


class Companion(ABC):
    """A scorer that compares pooled features with text embeddings or with reference encoders.

    Args:
        spec: Its declaration.
        against: ``text`` or ``reference``.
        layer: With ``text``, the language model's hidden states (:func:`visionlaw.alignment.texts.embed`).

    Raises:
        DataError: There is no such ``against``, or a layer is given for references.
    """

    name: ClassVar[str]

    def __init__(self, spec: ScorerSpec | None = None, against: str = TEXT, layer: int = LAST) -> None:
        if against not in AGAINST:
            raise DataError(
                f"Features cannot be compared against '{against}'.",
                did_you_mean(against, AGAINST) or f"There is: {', '.join(AGAINST)}.",
            )
        if against == REFERENCE and layer != LAST:
            raise DataError(
                "The option 'layer' is the language model's, which against=reference does not use.",
                "Leave it out, or give the layer in the reference's own id.",
            )
        self.spec = spec
        self.against = against
        self.layer = layer

    @property
    def protocol(self) -> str:
        """Name of the definition that the score follows."""
        return f"{self.name}-{self.against}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else the score depends on."""
        return {"layer": self.layer} if self.against == TEXT else {}

    @property
    @abstractmethod
    def fewest(self) -> int:
        """The fewest images that the score is defined on."""

    @property
    def most(self) -> int | None:
        """The most images that it can be computed on; None: no limit of its own."""
        return None

    @abstractmethod
    def prepare(self, targets: Sequence[torch.Tensor]) -> Comparison:
        """Return the comparison with targets ``[n, d]``, float64; its value is the mean over them."""

    def score(self, job: ScoringJob) -> Iterator[Score]:
        """Score all representations.

        Args:
            job: Its data is a sequence of image–caption pairs; captions are looked at with ``against=text`` alone.

        Yields:
            The score, the number of images, and as details ``interval`` where there is one, ``targets``: what was
            compared with, and more.

        Raises:
            DataError: There are too few or too many images, a caption or a reference is missing, or features are the
                same for all images.
            PluginError: An encoder fails.
        """
        images = cast("Sequence[CaptionedImage]", job.data)
        self._check(job, len(images))
        stages = 2 if self.against == TEXT else 1

        def report(stage: str, before: int) -> Callable[[int], None]:
            return lambda done: job.progress(stage, before * len(images) + done, stages * len(images))

        targets: dict[str, torch.Tensor] = {}
        if self.against == TEXT:
            assert job.language is not None  # noqa: S101  as `_check` has seen
            captions = [caption for _, caption in images]
            targets["captions"] = embed(captions, job.language, self.layer, job.device, report("reading captions", 0))
        encoded = (*job.representations, *(job.references if self.against == REFERENCE else ()))
        pooled = pool(encoded, job.combiner, images, job.cache, job.scratch, report("encoding images", stages - 1))
        if self.against == REFERENCE:
            targets = {name_of(reference): pooled[name_of(reference)] for reference in job.references}
        compare = self.prepare([_exact(name, table, job.device) for name, table in targets.items()])
        for representation in job.representations:
            name = name_of(representation)
            found = compare(_exact(name, pooled[name], job.device))
            yield Score(name, found.value, len(images), {**found.details, "targets": list(targets)})

    def _check(self, job: ScoringJob, count: int) -> None:
        """Refuse a job that cannot be done before anything is computed for it."""
        if count < self.fewest:
            raise DataError(
                f"{count} images are too few for {self.name}, which needs {self.fewest}.", "Give more images."
            )
        if self.most is not None and count > self.most:
            raise DataError(
                f"{count} images are too many for {self.name}, which takes {self.most} at the most.",
                "Give fewer images.",
            )
        if self.against == TEXT and job.language is None:
            raise DataError(
                f"{self.name} compares with captions by a language model, and none is named.",
                f"Name it under [language] of registry.toml, or use {self.name}?against=reference.",
            )
        if self.against == REFERENCE and not job.references:
            raise DataError(
                f"{self.name} compares with reference encoders, and none is named.",
                "Name them as references under [alignment] of registry.toml.",
            )


def _exact(name: str, table: torch.Tensor, device: str) -> torch.Tensor:
    """Return features in float64; refuse those that tell no two images apart."""
    features = table.to(device, torch.float64)
    if bool((features == features[:1]).all()):
        raise DataError(
            f"The features of '{name}' are the same for all images.", "Check the encoder, and give images that differ."
        )
    return features


def centred(features: torch.Tensor) -> torch.Tensor:
    """Return features ``[n, C]`` with their mean taken off."""
    return features - features.mean(dim=0)


def jackknife(value: float, without: torch.Tensor, scale: tuple[float, float]) -> tuple[float, float]:
    """Return the 95% interval of a score by what it is without each image in turn: 1.96 standard errors on either side.

    Args:
        value: The score of all n images.
        without: ``[n]`` the score without each.
        scale: The lowest and the highest score; both where leaving an image out leaves nothing to compare.
    """
    n = len(without)
    error = float(((n - 1) / n * (without - without.mean()).square().sum()).sqrt())
    if math.isnan(error):
        return scale
    return max(scale[0], value - TWO_SIDED * error), min(scale[1], value + TWO_SIDED * error)
