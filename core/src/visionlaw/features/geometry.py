"""The invertible map between the pixels of an image and the grid of its tokens.

Keypoints and features can only disagree when each goes its own way through resizing, padding and patching.
Here the preprocessing records what it did as one :class:`Geometry`, and everything that relates a pixel to
a token asks it.

Conventions: a *pixel* position ``(x, y)`` counts from the centre of the top-left pixel, so an image of
width W spans ``[-0.5, W - 0.5]``. A *grid* position counts from the centre of the top-left token in the same
way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """An axis-aligned affine map, pixel to grid: ``grid = scale * pixel + offset`` on each axis.

    Attributes:
        image_size: Width and height of the original image in pixels, (W, H).
        grid: Tokens per column and row, (h, w).
        scale: Tokens per pixel, (x, y); never zero.
        offset: Grid position of the centre of the top-left pixel, (x, y).
    """

    image_size: tuple[int, int]
    grid: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def of_resize(
        cls,
        image_size: tuple[int, int],
        resized: tuple[float, float],
        shift: tuple[float, float],
        patch: int,
        stride: int,
        grid: tuple[int, int],
    ) -> Geometry:
        """Compose resizing, padding or cropping, and patching.

        Args:
            image_size: (W, H) of the original image.
            resized: (W', H') that the whole image is resized to, half-pixel centres; where only a part of
                it is resized, the whole need not come to whole pixels.
            shift: Position of the resized image's top-left corner in the encoder's input, in input pixels;
                positive where it is padded, negative where it is cropped.
            patch: Side of the input that one token covers, in input pixels.
            stride: Distance between neighbouring tokens, in input pixels.
            grid: (h, w) of the tokens.
        """
        zoom = [r / s for r, s in zip(resized, image_size, strict=True)]
        scale = [z / stride for z in zoom]
        # Corner-based: input = (pixel + 0.5) * zoom + shift; the centre of token 0 lies at patch / 2.
        offset = [(0.5 * z + t - patch / 2) / stride for z, t in zip(zoom, shift, strict=True)]
        return cls(image_size, grid, (scale[0], scale[1]), (offset[0], offset[1]))

    def to_grid(self, pixels: ArrayLike) -> Points:
        """Map pixel positions ``[..., 2]`` (x, y) to grid positions ``[..., 2]``."""
        return np.asarray(pixels, dtype=np.float64) * self.scale + self.offset

    def to_pixels(self, positions: ArrayLike) -> Points:
        """Map grid positions ``[..., 2]`` (x, y) to pixel positions: the inverse of :meth:`to_grid`."""
        return (np.asarray(positions, dtype=np.float64) - self.offset) / self.scale

    def cell_centres(self) -> Points:
        """Return the pixel positions ``[h·w, 2]`` of all token centres, row-major like the tokens."""
        h, w = self.grid
        ys, xs = np.mgrid[0:h, 0:w]
        return self.to_pixels(np.stack([xs.ravel(), ys.ravel()], axis=-1))

    def resampled(self, grid: tuple[int, int]) -> Geometry:
        """Return the geometry of the same image once its tokens are resized bilinearly to ``grid`` (h, w)."""
        ratio = (grid[1] / self.grid[1], grid[0] / self.grid[0])
        scale = (self.scale[0] * ratio[0], self.scale[1] * ratio[1])
        offset = tuple((o + 0.5) * r - 0.5 for o, r in zip(self.offset, ratio, strict=True))
        return Geometry(self.image_size, grid, scale, (offset[0], offset[1]))

    def repatched(self, old: tuple[int, int], new: tuple[int, int], grid: tuple[int, int]) -> Geometry:
        """Return the geometry of the same input once other patches are laid over it.

        Args:
            old: Patch and stride of this geometry, in input pixels.
            new: Those wanted.
            grid: (h, w) of the tokens wanted.
        """
        (patch, stride), (new_patch, new_stride) = old, new
        scale = (self.scale[0] * stride / new_stride, self.scale[1] * stride / new_stride)
        x, y = ((o * stride + (patch - new_patch) / 2) / new_stride for o in self.offset)
        return Geometry(self.image_size, grid, scale, (x, y))
