"""Combinations: several encoders as one representation.

Definition. Each part is normalised by itself, then the parts are concatenated along the channels: a token
of the combination is ``[a/|a|, b/|b|, …]``, and a descriptor sampled at a keypoint likewise, each part
sampled on its own grid and normalised by itself. All parts then weigh the same whatever their scale and
width, and the cosine of two such vectors is exactly the mean of the parts' cosines: the similarities of
every combination are sums of those of its parts. (Normalising a sampled concatenation as a whole would
instead weigh each part by how well its neighbouring tokens agree.) Where a part of a token is zero, its cosine
counts as 0 in that mean.

Parts of different grids meet on the larger one, raw tokens resized bilinearly before they are normalised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from visionlaw.errors import DataError
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import resample, unit
from visionlaw.specs import CombinerSpec

TOLERANCE = 0.5


class ConcatCombiner:
    """Concatenate the normalised tokens of several encoders (PROTOCOLS §1 and §3: ``sim = mean of the cosines``).

    Args:
        spec: Its declaration.
    """

    def __init__(self, spec: CombinerSpec | None = None) -> None:
        self.spec = spec

    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        """Combine the feature maps of one image.

        Args:
            maps: At least one; grids may differ.

        Returns:
            ``[h·w, ΣC]`` on the larger grid; each part of each token has length 1.

        Raises:
            DataError: The maps do not show the same part of the image.
        """
        grid = common_grid([m.grid for m in maps])
        resampled = [resample(m, grid) for m in maps]
        geometry = common_geometry([m.geometry for m in resampled])
        return FeatureMap(torch.cat([unit(m.tokens) for m in resampled], dim=-1), geometry)

    def combine_rows(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """Average cosine rows ``[m, h·w]``, one per encoder: the cosines of the combination."""
        total = rows[0].clone()
        for row in rows[1:]:
            total += row
        return total / len(rows)


def common_grid(grids: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the grid on which several meet: the larger one, taken by rows and by columns."""
    return max(h for h, _ in grids), max(w for _, w in grids)


def common_geometry(geometries: Sequence[Geometry]) -> Geometry:
    """Return the geometry of parts that were resampled to one grid: that of the first, if they agree.

    Parts may be off by half a token where one encoder leaves a few pixels at the border unread, or its patches overlap
    and its outer tokens lie farther in.

    Raises:
        DataError: The parts show different parts of the image, as cropping and squashing do, or patches
            that are twice their stride or more do beside others that do not overlap.
    """
    first = geometries[0]
    corners = first.to_pixels([(0, 0), (first.grid[1] - 1, first.grid[0] - 1)])
    for other in geometries[1:]:
        apart = np.abs(other.to_grid(corners) - first.to_grid(corners)).max()
        if apart > TOLERANCE:
            raise DataError(
                f"Encoders whose tokens cover different parts of a {first.image_size[0]}×{first.image_size[1]} image "
                f"cannot be combined: at its corners they are {apart:.2g} tokens apart, and {TOLERANCE:g} at the most.",
                "Combine encoders of one resize mode, whose patches overlap alike; 'visionlaw show ID' names resize, "
                "patch and stride.",
            )
    return first
