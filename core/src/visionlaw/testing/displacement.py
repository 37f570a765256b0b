"""Do targets show at the keypoints what sources show there? Measured where both show the same pixels at all.

A window around each source keypoint is compared, by normalised cross-correlation, with windows of the target at up to
eight pixels from the target keypoint, in steps of half a pixel. The mean over keypoints has its peak where the content
is: at (0, 0) if positions are counted alike. Pairs of different things have no such peak, and nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from scipy import ndimage  # pyright: ignore[reportMissingTypeStubs]

Floats = NDArray[np.float64]
Shown = tuple[Image, Image, Floats, Floats]

HALF, REACH, FINE = 6, 8, 2
"""Half a window's side and the reach of the search, in pixels, and steps per pixel."""
MOST_KEYPOINTS = 200
FEWEST = 12
FLATTEST = 3.0
"""Least standard deviation of a window, of 255: what is flatter looks alike everywhere."""
ALIKE = 0.5
"""Least mean correlation at which content is the same."""
SURE = 4.0
"""Standard errors by which the peak must exceed what is at the keypoints."""


@dataclass(frozen=True)
class Displacement:
    """Where the content of sources lies in targets, seen from the keypoints.

    Attributes:
        x: Pixels to the right.
        y: Pixels down.
        away: Whether that is surely not at the keypoints.
        keypoints: How many were compared.
    """

    x: float
    y: float
    away: bool
    keypoints: int


def find_displacement(pairs: Iterable[Shown]) -> Displacement | None:
    """Find where targets show what sources show at the keypoints; None where they do not show it.

    Args:
        pairs: Source and target in RGB, and their points ``[m, 2]``.
    """
    maps = np.array([found for _, found in zip(range(MOST_KEYPOINTS), _correlations(pairs), strict=False)])
    if len(maps) < FEWEST:
        return None
    mean = maps.mean(axis=0)
    row, column = np.unravel_index(int(mean.argmax()), mean.shape)
    if mean[row, column] < ALIKE:
        return None
    middle = REACH * FINE
    gain = maps[:, row, column] - maps[:, middle, middle]
    sure = gain.mean() > SURE * gain.std() / np.sqrt(len(gain)) and gain.mean() > 0
    return Displacement((int(column) - middle) / FINE, (int(row) - middle) / FINE, bool(sure), len(maps))


def _correlations(pairs: Iterable[Shown]) -> Iterator[Floats]:
    """Yield, of each keypoint that is not at a border or on a flat ground, the correlation at every displacement."""
    for source, target, here, there in pairs:
        one, other = _grey(source), _grey(target)
        for p, q in zip(here, there, strict=True):
            if _fits(one, p, HALF) and _fits(other, q, HALF + REACH):
                window = _sample(one, p, HALF, 1)
                if window.std() >= FLATTEST:
                    yield _correlate(window, _sample(other, q, HALF + REACH, FINE))


def _grey(image: Image) -> Floats:
    return np.asarray(image.convert("L"), dtype=np.float64)


def _fits(image: Floats, point: Floats, half: int) -> bool:
    height, width = image.shape
    return bool(half <= point[0] <= width - 1 - half and half <= point[1] <= height - 1 - half)


def _sample(image: Floats, point: Floats, half: int, fine: int) -> Floats:
    """Return the square ``[2·half·fine + 1, …]`` around a position, bilinearly."""
    steps = np.arange(-half * fine, half * fine + 1) / fine
    places = np.stack(np.broadcast_arrays(point[1] + steps[:, None], point[0] + steps[None, :]))
    return cast("Any", ndimage).map_coordinates(image, places, order=1, mode="nearest")


def _correlate(window: Floats, around: Floats) -> Floats:
    """Return the normalised cross-correlation of a window at every displacement."""
    side = window.shape[0]
    wanted = (window - window.mean()) / window.std()
    spread = (side - 1) * FINE + 1
    views = np.lib.stride_tricks.sliding_window_view(around, (spread, spread))[:, :, ::FINE, ::FINE]
    deviation = views.std(axis=(2, 3))
    product = np.einsum("ijkl,kl->ij", views, wanted) / wanted.size  # wanted has no mean, so the other's drops out
    return np.where(deviation >= FLATTEST, product / np.maximum(deviation, FLATTEST), 0.0)
