"""The pairs: a photograph, its warp, and the corners that both show."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from visionlaw.errors import DataError
from visionlaw.protocols import ImageRef, Pair
from visionlaw.specs import DatasetSpec
from visionlaw_warps.attributes import describe
from visionlaw_warps.corners import find_corners
from visionlaw_warps.kinds import KINDS, draw, kind_of
from visionlaw_warps.photos import Photo, find_photos, photo_ref
from visionlaw_warps.rendering import Recipe, render

MOST_PAIRS = 1000
GENERATOR = 2  # Counts up whenever the same options would no longer give the same bytes.
FEWEST = 4
MOST = 20
ATTEMPTS = 20


class WarpsDataset:
    """Photographs and their warps, a :class:`visionlaw.protocols.CorrespondenceDataset`.

    Each photograph (at most 512 pixels wide and high) is the source of ``pairs`` pairs; the target is the
    photograph under a random homography and colour curve, with noise and one or two occluders, and with what its
    ``kind`` adds (:mod:`visionlaw_warps.kinds`). Keypoints are 4 to 20 corners of the photograph that the target
    shows: those that leave the frame or are covered are dropped, and a warp that shows fewer than 4 is drawn again.
    ``category`` is the photograph's name, ``attributes`` are those of :func:`visionlaw_warps.attributes.describe`.

    ``size`` is the larger extent, in x or y, of the pair's target keypoints, as in PF-WILLOW: the scene fills
    the frame, and with a box around it α = 0.1 would forgive errors of 1.6 tokens of a 16×16 grid.

    Of one kind and level, what is drawn depends on the photograph's bytes, the seed and the pair's number alone, so
    that an image added to a folder changes no pair of the others.
    """

    def __init__(self, photos: tuple[Photo, ...], pairs: int, seed: int, level: float, kind: str) -> None:
        self._photos = photos
        self._pairs = pairs
        self._seed = seed
        self._level = level
        self._kind = kind

    @property
    def version(self) -> str:
        """Generator, options, and a digest of the images."""
        digest = hashlib.sha256("".join(f"{p.name}\0{p.digest}\n" for p in self._photos).encode()).hexdigest()
        options = f"seed={self._seed};pairs={self._pairs};level={self._level:g};kind={self._kind}"
        return f"warps-{GENERATOR};{options};images={digest[:16]}"

    def __len__(self) -> int:
        """Count the pairs."""
        return self._pairs * len(self._photos)

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs, photograph by photograph.

        Raises:
            DataError: A photograph cannot be read, is too small, or has too few corners.
        """
        for photo in self._photos:
            image = photo.load()
            corners = find_corners(image)
            for number in range(self._pairs):
                yield self._pair(photo, image.size, corners, number)

    def _pair(self, photo: Photo, size: tuple[int, int], corners: NDArray[np.float64], number: int) -> Pair:
        kind = kind_of(self._kind, number)
        for attempt in range(ATTEMPTS):
            entropy = [self._seed, _number(photo.digest), number, attempt]
            rng, more = np.random.default_rng(entropy), np.random.default_rng([*entropy, 1 + KINDS.index(kind)])
            drawn = draw(kind, rng, more, size, self._level)
            recipe = drawn.recipe
            moved = recipe.move(corners)
            seen = np.flatnonzero(recipe.visible(moved))
            if len(seen) < FEWEST:
                continue
            chosen = np.sort(rng.choice(seen, min(MOST, len(seen)), replace=False))
            return Pair(
                id=f"{photo.name}:{number}",
                source=photo_ref(photo),
                target=ImageRef(_target_key(photo, recipe), partial(draw_target, photo, recipe)),
                source_points=corners[chosen],
                target_points=moved[chosen],
                size=float(np.ptp(moved[chosen], axis=0).max()),
                category=photo.name,
                attributes=describe(drawn, corners[chosen], moved[chosen]),
            )
        raise DataError(
            f"'{photo.path}' has too few corners: no warp of it shows {FEWEST} ({len(corners)} were found).",
            "Remove it from the folder, or use an image with more detail.",
        )


def build(
    spec: DatasetSpec,
    root: Path | None = None,
    pairs: int = 8,
    seed: int = 0,
    level: float = 1.0,
    kind: str = "mixed",
) -> WarpsDataset:
    """Return the data set ``warps`` of the images in ``root``, or of scikit-image's photographs.

    Args:
        spec: The spec that names this function.
        root: A folder of images.
        pairs: Warps of each image, 1 to 1,000.
        seed: Seed of everything random, 0 or more.
        level: Strength of the warps, 0 to 2; 1 is the standard.
        kind: One of :data:`visionlaw_warps.kinds.KINDS`, or ``mixed``: all of them.

    Raises:
        DataError: An option is out of range, or as :func:`visionlaw_warps.photos.find_photos`.
    """
    if not 1 <= pairs <= MOST_PAIRS:
        raise DataError(f"The option pairs={pairs} is out of range.", f"Ask for 1 to {MOST_PAIRS} pairs per image.")
    if seed < 0:
        raise DataError(f"The option seed={seed} is out of range.", "Use 0 or a positive whole number.")
    if not (math.isfinite(level) and 0 <= level <= 2):
        raise DataError(f"The option level={level:g} is out of range.", "Use a number from 0 to 2.")
    if kind not in (*KINDS, "mixed"):
        raise DataError(f"There is no kind '{kind}' of warps.", f"Use mixed, {', '.join(KINDS)}.")
    return WarpsDataset(find_photos(root), pairs, seed, level, kind)


def draw_target(photo: Photo, recipe: Recipe) -> Image:
    """Load a photograph and draw its warp."""
    return render(recipe, photo.load())


def _target_key(photo: Photo, recipe: Recipe) -> str:
    return f"warps-{GENERATOR};recipe={recipe.digest};{photo.digest}"


def _number(text: str) -> int:
    """Turn a text into a seed that is the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
