"""FeatureMap: the tokens of one image together with the geometry that places them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from visionlaw.errors import PluginError
from visionlaw.features.geometry import Geometry


@dataclass(frozen=True)
class FeatureMap:
    """Tokens of one image.

    Attributes:
        tokens: ``[h·w, C]``, row-major over the grid, floating point.
        geometry: The map between the image's pixels and the grid; it holds (h, w).
    """

    tokens: torch.Tensor
    geometry: Geometry

    def __post_init__(self) -> None:
        h, w = self.geometry.grid
        if self.tokens.ndim != 2 or self.tokens.shape[0] != h * w:
            raise PluginError(
                f"Tokens of shape {tuple(self.tokens.shape)} do not fit a {h}×{w} grid.",
                "An encoder must return [batch, h·w, C] without special tokens.",
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Tokens per column and row, (h, w)."""
        return self.geometry.grid

    @property
    def channels(self) -> int:
        """Length C of a token."""
        return self.tokens.shape[1]
