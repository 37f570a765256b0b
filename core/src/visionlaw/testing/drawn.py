"""Drawn images, their captions, and pairs of them, for checks. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from visionlaw.arrays import FloatArray
from visionlaw.protocols import ImageRef, Pair

SIZES = ((70, 50), (64, 64), (50, 90))
COLOURS, THINGS, DEEDS = ("red", "blue", "green", "grey"), ("dog", "cat", "bird"), ("sits", "sleeps")
WORDS = ("a", *COLOURS, *THINGS, *DEEDS)


def picture(seed: int) -> ImageRef:
    """Return a drawn image of one of three sizes."""
    return ImageRef(hashlib.sha256(f"drawn-1 {seed}".encode()).hexdigest(), partial(draw, seed))


def draw(seed: int) -> Image.Image:
    """Draw it: 8×8 random colours, enlarged."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(SIZES[seed % len(SIZES)], Image.Resampling.BICUBIC)


def caption(number: int) -> str:
    """Return a caption, another one for each of the first 24."""
    colour, rest = COLOURS[number % 4], number // 4
    return f"a {colour} {THINGS[rest % 3]} {DEEDS[rest // 3 % 2]}"


@dataclass(frozen=True)
class DrawnPairs:
    """Pairs of images that have nothing in common but names for positions.

    Attributes:
        pairs: In order.
    """

    pairs: Sequence[Pair]
    version: str = "kit-1"

    @classmethod
    def draw(cls, count: int, images: int, seed: int = 0) -> DrawnPairs:
        """Draw pairs of a few images, each of which comes again, with four keypoints."""
        rng = np.random.default_rng(seed)
        return cls([_pair(number, images, images * seed, rng) for number in range(count)])

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs in order."""
        return iter(self.pairs)


def _pair(number: int, images: int, first: int, rng: np.random.Generator) -> Pair:
    source, target = first + number % images, first + (number + 1 + number // images) % images
    return Pair(
        f"pair-{number}",
        picture(source),
        picture(target),
        _points(rng, SIZES[source % len(SIZES)]),
        _points(rng, SIZES[target % len(SIZES)]),
        size=float(max(SIZES[target % len(SIZES)])),
        category=("one", "other")[number % 2],
        attributes={"number": number % 3},
    )


def _points(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    return rng.random((4, 2)) * (np.array(size) - 1)
