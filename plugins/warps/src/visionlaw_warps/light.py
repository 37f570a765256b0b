"""Light: what falls on the scene changes, nothing moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# At severity 1.
LOG_GRADIENT = math.log(2.5)  # between the middle and the edge, either way
AMBIENT, PEAK = 0.25, 1.25  # what a spot light leaves of the rest, and what it makes of the middle
LOG_TEMPERATURE = math.log(1.5)  # gain of red against green, and of green against blue, or the other way round
SHADE = 0.3  # what a shadow leaves

Gain = NDArray[np.float32]


@dataclass(frozen=True)
class Gradient:
    """Light from one side.

    Attributes:
        angle: Direction to the light, in radians.
        fall: Natural logarithm of the gain at the edge that faces it, minus that at the centre.
    """

    angle: float
    fall: float

    def gain(self, size: tuple[int, int]) -> Gain:
        """Return the factors of an image of size (W, H), ``[H, W, 1]``."""
        x, y = _centred(size)
        return np.exp(self.fall * (x * math.cos(self.angle) + y * math.sin(self.angle)))[..., None].astype(np.float32)


@dataclass(frozen=True)
class Spot:
    """A lamp's cone in a room that is dark elsewhere.

    Attributes:
        centre: (x, y) of its middle, in halves of the longer side from the image's centre.
        radius: Standard deviation of its Gaussian profile, in the same unit.
        ambient: Gain far from it.
        peak: Gain in its middle.
    """

    centre: tuple[float, float]
    radius: float
    ambient: float
    peak: float

    def gain(self, size: tuple[int, int]) -> Gain:
        """Return the factors of an image of size (W, H), ``[H, W, 1]``."""
        x, y = _centred(size)
        squared = ((x - self.centre[0]) ** 2 + (y - self.centre[1]) ** 2) / self.radius**2
        return (self.ambient + (self.peak - self.ambient) * np.exp(-squared / 2))[..., None].astype(np.float32)


@dataclass(frozen=True)
class Temperature:
    """Warmer or colder light.

    Attributes:
        warmth: Natural logarithm of red's gain and, negated, of blue's.
    """

    warmth: float

    def gain(self, size: tuple[int, int]) -> Gain:
        """Return the factors of red, green and blue, ``[1, 1, 3]``."""
        del size  # the same everywhere
        return np.exp(np.array([self.warmth, 0.0, -self.warmth]))[None, None].astype(np.float32)


@dataclass(frozen=True)
class Shadow:
    """The shadow of a pole or a wall: a soft-edged band across the image.

    Attributes:
        angle: Direction across the band, in radians.
        middle: Where its middle line lies, in halves of the longer side from the image's centre.
        width: Half its width, in the same unit.
        softness: Width of its edges, in the same unit.
        shade: Gain inside it.
    """

    angle: float
    middle: float
    width: float
    softness: float
    shade: float

    def gain(self, size: tuple[int, int]) -> Gain:
        """Return the factors of an image of size (W, H), ``[H, W, 1]``."""
        x, y = _centred(size)
        across = np.abs(x * math.cos(self.angle) + y * math.sin(self.angle) - self.middle)
        lit = np.clip((across - self.width) / self.softness + 0.5, 0.0, 1.0)
        return (self.shade + (1 - self.shade) * lit)[..., None].astype(np.float32)


Light = Gradient | Spot | Temperature | Shadow


def draw_light(rng: np.random.Generator, severity: float) -> Light:
    """Draw one of the four, with equal chance.

    Args:
        rng: The generator that is consumed.
        severity: 0 (none) to 1 and beyond.
    """
    which, angle = int(rng.integers(4)), float(rng.uniform(0.0, 2 * math.pi))
    a, b, c = (float(value) for value in rng.uniform(-1.0, 1.0, 3))
    match which:
        case 0:
            return Gradient(angle, severity * LOG_GRADIENT)
        case 1:
            return Spot((0.5 * a, 0.5 * b), 0.45 + 0.15 * c, AMBIENT**severity, PEAK**severity)
        case 2:
            return Temperature(math.copysign(severity * LOG_TEMPERATURE, a))
        case _:
            return Shadow(angle, 0.4 * a, 0.3 + 0.1 * b, 0.05 + 0.04 * c, SHADE**severity)


def illuminate(image: Image.Image, light: Light) -> Image.Image:
    """Draw an RGB image in another light."""
    lit = np.asarray(image) * light.gain(image.size)
    return Image.fromarray(np.clip(np.rint(lit), 0, 255).astype(np.uint8))


def _centred(size: tuple[int, int]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return x ``[1, W]`` and y ``[H, 1]`` of the pixels' centres, in halves of the longer side from the centre."""
    half = max(size) / 2
    x, y = ((np.arange(side, dtype=np.float64) + 0.5 - side / 2) / half for side in size)
    return x[None], y[:, None]
