"""The ``reference`` protocol's arithmetic, steps 1 to 6 of PROTOCOLS §3, as the law's authors compute it.

It exists so that published values of C can be compared, and keeps what is odd about them: features come from images
squashed to a square, keypoints live in a frame into which the image is letterboxed; positions are truncated to cells;
similarities outside the window count as 0, not as nothing. Numbers are float32 where the authors' are. Only the order
of additions differs, and what happens to keypoints outside their image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from visionlaw.correspondence.matchers import Grid, highest, neighbourhood
from visionlaw.errors import DataError

SIDE = 840
"""The frame's width and height in pixels, S."""

ADDED_LENGTH = 1e-10
"""Tokens are divided by their length and this: step 3."""

WINDOW = 5
TEMPERATURE = 0.02

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def to_frame(points: ArrayLike, image_size: ArrayLike) -> Singles:
    """Map pixel positions ``[n, 2]`` (x, y) of an image into the frame, letterboxed and centred: step 1.

    Args:
        points: As annotated.
        image_size: (W, H), or ``[n, 2]`` where each point has its own image.
    """
    scale = frame_scale(image_size).astype(np.float32)[..., None]
    return np.asarray(points, np.float32) * scale + _padding(image_size)


def from_frame(points: ArrayLike, image_size: ArrayLike) -> Floats:
    """Map positions ``[n, 2]`` (x, y) in the frame back to pixels of the image: the inverse of :func:`to_frame`."""
    return (np.asarray(points, np.float64) - _padding(image_size)) / frame_scale(image_size)[..., None]


def frame_scale(image_size: ArrayLike) -> Floats:
    """Return how many pixels of the frame one pixel of the image becomes, s: step 2 multiplies sizes by it.

    Args:
        image_size: (W, H), or ``[n, 2]``.

    Returns:
        A number, or ``[n]``.
    """
    return np.asarray(SIDE / np.asarray(image_size, np.float64).max(axis=-1))


def source_cells(points_in_frame: ArrayLike, cells: int) -> NDArray[np.int64]:
    """Return the tokens ``[m]`` in whose cells points ``[m, 2]`` of the frame lie, row-major: step 4.

    Args:
        points_in_frame: From :func:`to_frame`.
        cells: Tokens per row and column, P.
    """
    x, y = (np.asarray(points_in_frame, np.float32) * np.float32(cells / SIDE)).astype(np.int64).T.clip(0, cells - 1)
    return cells * y + x


@dataclass(frozen=True)
class SoftArgmaxReference:
    """The authors' windowed soft-argmax: step 5.

    The window lies around the highest similarity, the first of equal ones. Similarities outside it are multiplied by 0,
    and the softmax then runs over all P² tokens: outside the window each weighs as much as a similarity of 0. So the
    position is drawn towards the grid's centre, the more so the lower the similarities are; where the highest is
    negative, away from the window altogether.
    """

    name: str = "reference"
    zoom: int = 1

    def locate(self, similarity: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Return the mean position; see :meth:`visionlaw.correspondence.matchers.Matcher.locate`.

        Only the window's similarities are looked at one by one. All others weigh the same, ``floor``, so the whole is a
        uniform grid of that weight and what the window has beyond it.

        Raises:
            DataError: The grid is not square.
        """
        cells = square(grid)
        near = neighbourhood(similarity, highest(similarity), grid, WINDOW)
        beyond = near.inside.sum(dim=1, keepdim=True) < cells**2
        top = near.similarity.amax(dim=1, keepdim=True)
        floor = torch.where(beyond, (-top / TEMPERATURE).exp_(), 0)
        weights = ((near.similarity - top) / TEMPERATURE).exp_().sub_(floor).masked_fill_(~near.inside, 0)
        here, sums = near.moments(weights)
        everywhere = floor.double() * cells**2
        return ((everywhere * (cells - 1) / 2 + sums) / (everywhere + here)).clamp(0, cells - 1)


def pixels(positions: ArrayLike, cells: int) -> Singles:
    """Return where in the frame grid positions ``[K, 2]`` (x, y) lie: step 6.

    The stride S/P is halved by floor division, so cells of a fractional stride are off their centres by up to half a
    pixel.
    """
    stride = SIDE / cells
    return np.asarray(positions, np.float32) * np.float32(stride) + np.float32(stride // 2)


def _padding(image_size: ArrayLike) -> Singles:
    """How far the frame's padding shifts points, (x, y) or ``[n, 2]``: whole pixels on the shorter axis."""
    size = np.asarray(image_size, np.float64)
    resized = np.rint(SIDE * size / size.max(axis=-1, keepdims=True))
    return ((SIDE - resized) // 2).astype(np.float32)


def square(grid: Grid) -> int:
    """Return how many tokens a grid has on each side, P.

    Raises:
        DataError: The grid is not square.
    """
    h, w = grid
    if h != w:
        raise DataError(
            f"The reference protocol needs a square grid of tokens, not {h}×{w}.",
            "Use an encoder that squashes images to a square, or '--protocol strict'.",
        )
    return h
