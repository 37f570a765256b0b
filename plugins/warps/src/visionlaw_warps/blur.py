"""Blur: a lens out of focus, and a camera that moves. Neither shifts anything: their kernels are symmetric."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

# At severity 1, of the longer side: 3 and 15 pixels of 512.
SIGMA = 3 / 512
LENGTH = 15 / 512
UNIT = 2**16


@dataclass(frozen=True)
class GaussianBlur:
    """A lens out of focus.

    Attributes:
        sigma: Standard deviation in pixels.
    """

    sigma: float

    def apply(self, image: Image.Image) -> Image.Image:
        """Blur an RGB image."""
        return image.filter(ImageFilter.GaussianBlur(self.sigma))


@dataclass(frozen=True)
class MotionBlur:
    """A camera that moves evenly while the shutter is open, half before and half after the middle.

    Attributes:
        length: Way in pixels.
        angle: Its direction, in radians.
    """

    length: float
    angle: float

    def apply(self, image: Image.Image) -> Image.Image:
        """Blur an RGB image, in whole numbers: the same on every machine."""
        kernel = line_kernel(self.length, self.angle)
        reach = kernel.shape[0] // 2
        pixels = np.pad(np.asarray(image), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
        height, width = image.height, image.width
        total = np.full((height, width, 3), UNIT // 2, dtype=np.int32)  # half a level, so that // rounds
        for row, column in zip(*np.nonzero(kernel), strict=True):
            total += pixels[row : row + height, column : column + width] * kernel[row, column]
        return Image.fromarray((total // UNIT).astype(np.uint8))


Blur = GaussianBlur | MotionBlur


def draw_blur(rng: np.random.Generator, size: tuple[int, int], severity: float) -> Blur:
    """Draw one of the two, with equal chance.

    Args:
        rng: The generator that is consumed.
        size: (W, H) of the image.
        severity: 0 (none) to 1 and beyond: a standard deviation of 3, or a way of 15, for 512 pixels.
    """
    gaussian, angle = rng.random() < 0.5, float(rng.uniform(0.0, math.pi))
    if gaussian:
        return GaussianBlur(severity * SIGMA * max(size))
    return MotionBlur(severity * LENGTH * max(size), angle)


def line_kernel(length: float, angle: float) -> NDArray[np.int32]:
    """Return the weights ``[k, k]`` of a line through the middle, k odd: symmetric, with the sum 65536."""
    steps = max(1, math.ceil(length)) * 4
    ways = length * ((np.arange(steps) + 0.5) / steps - 0.5)
    xs, ys = ways * math.cos(angle), ways * math.sin(angle)
    reach = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for dx in (0, 1):
        for dy in (0, 1):
            columns, rows = np.floor(xs).astype(int) + dx, np.floor(ys).astype(int) + dy
            weights = (1 - np.abs(xs - columns)) * (1 - np.abs(ys - rows))
            np.add.at(kernel, (rows + reach, columns + reach), weights)
    kernel = kernel + kernel[::-1, ::-1]
    whole = np.rint(kernel / kernel.sum() * UNIT).astype(np.int32)
    whole[reach, reach] += UNIT - whole.sum()
    return whole
