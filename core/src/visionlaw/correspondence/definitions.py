"""The definitions of C: how keypoints are described, on which grid they are searched, and when one is right.

``strict`` is ours: positions follow the geometry that travels with the features. ``reference`` follows the arithmetic
of the authors' code, traps included, to the rounding of its sums (:mod:`visionlaw.correspondence.reference`). Both are
in PROTOCOLS §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike

from visionlaw.correspondence.matchers import Matcher
from visionlaw.correspondence.pairs import Floats, Indices, Matches, PairTable
from visionlaw.correspondence.reference import (
    ADDED_LENGTH,
    SoftArgmaxReference,
    frame_scale,
    from_frame,
    pixels,
    source_cells,
    square,
    to_frame,
)
from visionlaw.correspondence.rows import Grid, Placement
from visionlaw.features.combine import common_grid
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import resample, sample


class Definition(Protocol):
    """One definition of C."""

    @property
    def rows(self) -> str:
        """Identity of how rows are computed; those of two definitions that share it are the same."""
        ...

    @property
    def added_length(self) -> float:
        """What is added to the length of a token before it is divided by it."""
        ...

    @property
    def matcher(self) -> Matcher:
        """Finds the position that a row stands for."""
        ...

    def grid(self, grids: Sequence[Grid]) -> Grid:
        """Return the grid (h, w) on which encoders of these grids are searched together."""
        ...

    def describe(self, source: FeatureMap, points: ArrayLike, grid: Grid) -> torch.Tensor:
        """Return the descriptors of pixel positions ``[m, 2]``: ``[m, C]``, not normalised."""
        ...

    def searched(self, target: FeatureMap, grid: Grid) -> FeatureMap:
        """Return the features that are searched, on ``grid``."""
        ...

    def judge(self, table: PairTable, placement: Placement, cells: Floats) -> Matches:
        """Measure how far from the truth keypoints were found, at grid positions ``[K, 2]`` (x, y)."""
        ...


class Strict:
    """Positions by geometry, both ways; the match in pixels of the original target image."""

    rows = "strict-1"
    added_length = 0.0

    def __init__(self, matcher: Matcher) -> None:
        self.matcher: Matcher = matcher

    def grid(self, grids: Sequence[Grid]) -> Grid:
        """Return the larger grid, taken by rows and by columns, as fine as the matcher wants it."""
        h, w = common_grid(grids)
        return h * self.matcher.zoom, w * self.matcher.zoom

    def describe(self, source: FeatureMap, points: ArrayLike, grid: Grid) -> torch.Tensor:
        """Interpolate the source's raw tokens bilinearly on their own grid."""
        return sample(source, source.geometry.to_grid(points))

    def searched(self, target: FeatureMap, grid: Grid) -> FeatureMap:
        """Resize the target's raw tokens bilinearly."""
        return resample(target, grid)

    def judge(self, table: PairTable, placement: Placement, cells: Floats) -> Matches:
        """Measure distances in original pixels, to the nearest of each keypoint's true positions."""
        found = placement.to_pixels(cells, table.owner)
        return Matches(table, found, nearest(found, table.truth.keypoint, table.truth.points, table.truth.size))


class Reference:
    """The authors' arithmetic: features of the squashed image against keypoints of the letterboxed one."""

    rows = "reference-1"
    added_length = ADDED_LENGTH

    def __init__(self) -> None:
        self.matcher: Matcher = SoftArgmaxReference()

    def grid(self, grids: Sequence[Grid]) -> Grid:
        """Return the larger grid.

        Raises:
            DataError: It is not square.
        """
        together = common_grid(grids)
        square(together)
        return together

    def describe(self, source: FeatureMap, points: ArrayLike, grid: Grid) -> torch.Tensor:
        """Take the token in whose cell the keypoint lies, in the frame of the letterboxed image."""
        placed = to_frame(points, source.geometry.image_size)
        tokens = resample(source, grid).tokens
        return tokens.index_select(0, torch.from_numpy(source_cells(placed, grid[0])))  # pyright: ignore[reportUnknownMemberType]

    def searched(self, target: FeatureMap, grid: Grid) -> FeatureMap:
        """Resize the target's raw tokens bilinearly."""
        return resample(target, grid)

    def judge(self, table: PairTable, placement: Placement, cells: Floats) -> Matches:
        """Measure distances in the frame; where keypoints were found is told in pixels of the target all the same."""
        truth = table.truth
        sizes = placement.sizes[table.owner]
        found = pixels(cells, placement.grid[0])
        of_truth = sizes[truth.keypoint]
        errors = nearest(
            found.astype(np.float64),
            truth.keypoint,
            to_frame(truth.points, of_truth).astype(np.float64),
            truth.size * frame_scale(of_truth),
        )
        return Matches(table, from_frame(found, sizes), errors)


def nearest(found: Floats, keypoint: Indices, points: Floats, size: Floats) -> Floats:
    """Return the distance of each keypoint to the nearest of its true positions, as a share of the size there.

    Args:
        found: ``[K, 2]``.
        keypoint: ``[n]``; the first K are 0 to K - 1.
        points: ``[n, 2]``.
        size: ``[n]``.
    """
    count = len(found)
    offsets = found[keypoint] - points
    distances = np.hypot(offsets[:, 0], offsets[:, 1]) / size
    errors = distances[:count].copy()
    np.minimum.at(errors, keypoint[count:], distances[count:])
    return errors
