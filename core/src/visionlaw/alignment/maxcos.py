"""A by ``maxcos``: every projected token against the most similar one of a reference (ICLR eq. 2, PROTOCOLS §2).

For one image, with reference tokens ``u`` and target tokens ``v``, both projected into the language model's space::

    A = mean over v of max over u of cos(u, v)

It is a matrix product and a maximum: ``[t, s]`` similarities of t target and s reference tokens, computed for blocks of
target tokens. The formula spelled out by broadcasting needs ``[t, s, d]`` products, 5 GB for one image of 576 tokens in
4,096 dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from visionlaw.errors import DataError
from visionlaw.protocols import Score, ScoringJob
from visionlaw.scoring.representations import name_of

if TYPE_CHECKING:
    from visionlaw.specs import ScorerSpec

BLOCK = 2**22
"""Similarities that are held at a time."""
LEVEL, RESAMPLES = 0.95, 1000


@dataclass(frozen=True)
class MaxCos:
    """A of one representation against one reference on a benchmark's images.

    Attributes:
        value: The mean over images, -1 to 1; 1 for a representation against itself.
        interval: 95% bootstrap interval over the images.
        images: n.
    """

    value: float
    interval: tuple[float, float]
    images: int


def maxcos(reference: torch.Tensor, target: torch.Tensor) -> float:
    """Return A of one image.

    Args:
        reference: ``[s, d]`` projected tokens of the reference, over which the maximum is taken.
        target: ``[t, d]`` projected tokens of the representation that is scored, over which the mean is taken.

    Raises:
        DataError: They do not live in one space, or one has no tokens, or one that is not finite.
    """
    if reference.ndim != 2 or target.ndim != 2 or reference.shape[1] != target.shape[1]:
        raise DataError(
            f"Projected tokens of shapes {list(reference.shape)} and {list(target.shape)} do not share a space.",
            "Use projectors that were trained for one language model.",
        )
    if not (len(reference) and len(target)):
        raise DataError("An image without projected tokens has no alignment.", "Check the encoder.")
    found = float(_maxcos(reference.float(), target.float()))
    if not np.isfinite(found):
        raise DataError("A projected token is not finite.", "Train the projector again: its weights have diverged.")
    return found


class MaxCosScorer:
    """A of the ICLR paper: the mean over the references of A against each.

    Args:
        spec: Its declaration.
    """

    def __init__(self, spec: ScorerSpec | None = None) -> None:
        self.spec = spec

    @property
    def protocol(self) -> str:
        """Name of the definition that the score follows."""
        return "maxcos"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else the score depends on beside images, references and projectors: nothing."""
        return {}

    def score(self, job: ScoringJob) -> Iterator[Score]:
        """Score all representations in one pass over the images.

        Args:
            job: With ``projectors``, ``language`` and ``references``; its data is a sequence of
                :data:`visionlaw.protocols.CaptionedImage`, whose captions are not looked at.

        Yields:
            A, the number of images, and as details the 95% ``interval`` over images, ``references``, A against each
            (value and interval), by id, and ``projectors``, the digests of all that the score depends on, by id.

        Raises:
            DataError: There is no reference or no image, or as :class:`visionlaw.alignment.projected.Projected`.
        """
        from visionlaw.alignment.projected import Projected

        names, references = [name_of(r) for r in job.representations], [name_of(r) for r in job.references]
        if not references:
            raise DataError(
                "maxcos measures against reference encoders, and none is named.",
                'Name them under [alignment] of registry.toml: references = ["clip@224", "clip@336"]',
            )
        projected = Projected(job, [*job.representations, *job.references])
        images: list[torch.Tensor] = []
        for image in projected.stream(job.data, "encode images for maxcos"):
            with torch.inference_mode():
                known = {name: projected.project(name, [image.maps[name]])[0] for name in references}
                rows: list[torch.Tensor] = []
                for name in names:
                    own = known[name] if name in known else projected.project(name, [image.maps[name]])[0]
                    rows.append(torch.stack([_maxcos(known[reference], own) for reference in references]))
                images.append(torch.stack(rows))
        values = torch.stack(images).cpu().double().numpy()  # [n, representations, references]
        for number, name in enumerate(names):
            each = values[:, number]
            yield Score(
                name,
                float(each.mean()),
                count=len(each),
                details={
                    "interval": list(bootstrap(each.mean(axis=1))),
                    "references": {
                        reference: {"value": float(column.mean()), "interval": list(bootstrap(column))}
                        for reference, column in zip(references, each.T, strict=True)
                    },
                    "projectors": {used: projected.cards[used].digest for used in dict.fromkeys([name, *references])},
                },
            )


def _maxcos(reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return A of float32 tokens ``[s, d]`` and ``[t, d]``, a block of similarities at a time.

    Lengths are divided out of the similarities, which are fewer than the tokens' own numbers. A zero token's are 0.
    """
    lengths = _lengths(reference)
    step = max(1, BLOCK // len(reference))
    best = [
        ((part @ reference.T).div_(lengths).amax(dim=1) / _lengths(part)).sum() for part in torch.split(target, step)
    ]
    return torch.stack(best).sum() / len(target)


def _lengths(tokens: torch.Tensor) -> torch.Tensor:
    found = cast("torch.Tensor", torch.linalg.vector_norm(tokens, dim=-1))  # pyright: ignore[reportUnknownMemberType]
    return found.clamp_min(1e-12)


def mean_maxcos(images: Iterable[tuple[torch.Tensor, torch.Tensor]], seed: int = 0) -> MaxCos:
    """Return A over a benchmark's images, with its 95% interval.

    Args:
        images: Of each image the projected tokens of the reference, ``[s, d]``, and of the target, ``[t, d]``.
        seed: Of the bootstrap.

    Raises:
        DataError: There is no image, or as :func:`maxcos`.
    """
    values = [maxcos(reference, target) for reference, target in images]
    if not values:
        raise DataError("There is no image to measure alignment on.", "Give an image source that has some.")
    return MaxCos(float(np.mean(values)), bootstrap(values, seed), len(values))


def bootstrap(values: Sequence[float] | NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """Return the 95% percentile interval of a mean over images; of one image, which says nothing, -1 to 1."""
    if len(values) == 1:
        return -1.0, 1.0
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(np.asarray(values)[drawn].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
