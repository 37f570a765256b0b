"""A by ``maxcos``: every projected token against the most similar one of a reference (ICLR eq. 2, PROTOCOLS §2).

For one image, with reference tokens ``u`` and target tokens ``v``, both projected into the language model's space::

    A = mean over v of max over u of cos(u, v)

It is a matrix product and a maximum: ``[t, s]`` similarities of t target and s reference tokens, computed for blocks of
target tokens. The formula spelled out by broadcasting needs ``[t, s, d]`` products, 5 GB for one image of 576 tokens in
4,096 dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from visionlaw.errors import DataError
from visionlaw.features.sampling import unit

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
    known = unit(reference)
    step = max(1, BLOCK // len(known))
    best = [float((unit(part) @ known.T).amax(dim=1).sum()) for part in torch.split(target, step)]
    found = sum(best) / len(target)
    if not np.isfinite(found):
        raise DataError("A projected token is not finite.", "Train the projector again: its weights have diverged.")
    return found


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


def bootstrap(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Return the 95% percentile interval of a mean over images; of one image, which says nothing, -1 to 1."""
    if len(values) == 1:
        return -1.0, 1.0
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(np.asarray(values)[drawn].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
