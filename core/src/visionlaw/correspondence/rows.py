"""Similarity rows: the cosines of each source keypoint with every token of the target.

Only the rows of keypoints are computed, ``[m, C]·[C, h·w]``, never the whole ``[h·w, h·w]``; and a combination's rows
are made of its parts' (:mod:`visionlaw.features.combine`), so they are computed once per encoder and grid. How a
keypoint is described, and on which grid, is the protocol's matter (:mod:`visionlaw.correspondence.definitions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from visionlaw.correspondence.pairs import Floats, Indices
from visionlaw.features.geometry import Geometry

Grid = tuple[int, int]
TOLERANCE = 0.5
SHORTEST = 1e-12
"""Length that shorter tokens are divided by, so that those of zeros stay zero."""


@dataclass(frozen=True)
class Placement:
    """Where a grid lies in the targets of P pairs.

    Attributes:
        grid: (h, w).
        affine: ``[P, 4]`` of each pair's target: tokens per pixel (x, y), and the grid position of the centre of the
            top-left pixel (x, y), as :class:`visionlaw.features.geometry.Geometry`.
        sizes: ``[P, 2]`` width and height of the target image in pixels.
    """

    grid: Grid
    affine: Floats
    sizes: NDArray[np.int64]

    @classmethod
    def empty(cls, pairs: int, grid: Grid) -> Placement:
        """Return a placement to be filled with :meth:`put`."""
        return cls(grid, np.full((pairs, 4), np.nan), np.zeros((pairs, 2), dtype=np.int64))

    def put(self, pair: int, target: Geometry) -> None:
        """Note where the grid lies in a pair's target."""
        self.affine[pair] = (*target.scale, *target.offset)
        self.sizes[pair] = target.image_size

    def to_pixels(self, cells: Floats, owner: Indices) -> Floats:
        """Map grid positions ``[K, 2]`` (x, y) to pixel positions in the targets of the pairs ``owner``, ``[K]``."""
        return (cells - self.affine[owner, 2:]) / self.affine[owner, :2]

    def shows_the_same(self, other: Placement, zoom: int = 1) -> NDArray[np.bool_]:
        """Tell for each pair whether both grids show the same part of the image, to half a token, ``[P]``.

        A token is ``zoom`` cells of the grids.
        """
        h, w = self.grid
        corners = np.array([(0, 0), (w - 1, h - 1)], dtype=np.float64)
        pixels = (corners - self.affine[:, None, 2:]) / self.affine[:, None, :2]
        moved = pixels * other.affine[:, None, :2] + other.affine[:, None, 2:]
        return np.abs(moved - corners).max(axis=(1, 2)) <= TOLERANCE * zoom


@dataclass(frozen=True)
class RowSet:
    """The rows of all keypoints of a data set by one encoder on one grid.

    Attributes:
        similarity: ``[K, h·w]`` float32, -1 to 1, the target's tokens row-major; often mapped from a file.
        placement: Where the grid lies in each target.
    """

    similarity: torch.Tensor
    placement: Placement

    @classmethod
    def empty(cls, pairs: int, keypoints: int, grid: Grid) -> RowSet:
        """Return a row set in memory, to be filled."""
        return cls(torch.empty(keypoints, grid[0] * grid[1]), Placement.empty(pairs, grid))


def cosines(descriptors: torch.Tensor, tokens: torch.Tensor, added: float = 0.0) -> torch.Tensor:
    """Return the cosines of raw descriptors ``[m, C]`` with raw tokens ``[n, C]``: ``[m, n]`` float32.

    The products are divided by the lengths: n·m divisions instead of the (n + m)·C that normalising takes. Cosines with
    a zero token are 0, never NaN.

    Args:
        descriptors: One per keypoint.
        tokens: Those that are searched.
        added: Added to every length.
    """
    descriptors, tokens = descriptors.float(), tokens.float()
    return (descriptors @ tokens.T).div_(_lengths(descriptors, added)[:, None]).div_(_lengths(tokens, added))


def _lengths(tokens: torch.Tensor, added: float) -> torch.Tensor:
    found = cast("torch.Tensor", torch.linalg.vector_norm(tokens, dim=1))  # pyright: ignore[reportUnknownMemberType]
    return found.clamp_min_(SHORTEST) + added
