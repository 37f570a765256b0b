"""Similarity rows: each keypoint of the source against every token of the target. ``strict`` protocol, PROTOCOLS §3.

A keypoint's descriptor is interpolated bilinearly from the source's raw tokens at its grid position (outside the grid,
the border's tokens hold), then normalised; the target's tokens are normalised; a row is their cosines, in float32. Only
the rows of keypoints are computed, ``[m, C]·[C, h·w]``, never the whole ``[h·w, h·w]``. How the rows of a combination
follow from those of its parts is told in :mod:`visionlaw.features.combine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike

from visionlaw.errors import PluginError
from visionlaw.features.combine import common_geometry
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import resample, sample, unit
from visionlaw.guard import third_party
from visionlaw.protocols import Combiner


@dataclass(frozen=True)
class Rows:
    """Cosines of one pair.

    Attributes:
        similarity: ``[m, h·w]`` float32, -1 to 1, the target's tokens row-major.
        geometry: The map between the target's pixels and its grid.
    """

    similarity: torch.Tensor
    geometry: Geometry


def describe(features: FeatureMap, points: ArrayLike) -> torch.Tensor:
    """Return the descriptors of pixel positions ``[m, 2]``: ``[m, C]`` float32 of length 1."""
    return unit(sample(features, features.geometry.to_grid(points)))


def rows(source: FeatureMap, target: FeatureMap, points: ArrayLike, grid: tuple[int, int] | None = None) -> Rows:
    """Compare keypoints of the source with every token of the target.

    Args:
        source: The features that describe the keypoints; always on their own grid.
        target: The features that are searched.
        points: ``[m, 2]`` pixel positions (x, y) in the source.
        grid: The grid (h, w) that the target is resized to first, where it is to be combined; None: its own.
    """
    searched = target if grid is None else resample(target, grid)
    return Rows(describe(source, points) @ unit(searched.tokens).T, searched.geometry)


def combine(parts: Sequence[Rows], combiner: Combiner) -> Rows:
    """Make the rows of a combination from those of its parts, all on one grid.

    Raises:
        DataError: The parts show different parts of the target image.
        PluginError: The combiner fails, or returns something of another shape.
    """
    geometry = common_geometry([part.geometry for part in parts])
    if len(parts) == 1:
        return parts[0]
    name, wanted = type(combiner).__name__, parts[0].similarity.shape
    with third_party(f"The combiner {name}"):
        similarity = combiner.combine_rows([part.similarity for part in parts])
        if similarity.shape != wanted:
            raise PluginError(
                f"The combiner {name} made rows of shape {list(similarity.shape)}, not {list(wanted)}.",
                "Report it to the author of its plugin.",
            )
    return Rows(similarity, geometry)
