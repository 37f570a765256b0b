"""The recipe of a warped image, and the image that it draws.

A recipe is drawn once, from a seed; it says where each point of the photograph goes and what covers it, and
it renders the same bytes whenever it is asked to.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visionlaw_warps import homography
from visionlaw_warps.blur import Blur
from visionlaw_warps.light import Light, illuminate

# Ranges at level 1: another exposure, another camera.
LOG_GAMMA = math.log(1.35)
LOG_CONTRAST = math.log(1.3)
BRIGHTNESS = 0.1
LOG_TINT = math.log(1.08)
NOISE = 0.02

OCCLUDER_SIDE = (0.12, 0.25)  # of the image's side
MARGIN = 2.0  # pixels: a corner at the rim of an occluder is no longer the same corner


@dataclass(frozen=True)
class Occluder:
    """A textured rectangle in front of the scene.

    Attributes:
        box: Its left, top, right and bottom edges in whole pixels, counted from the image's corner.
        seed: Seed of its texture.
    """

    box: tuple[int, int, int, int]
    seed: int

    def covers(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which pixel positions ``[m, 2]`` lie behind it, or within two pixels of it."""
        left, top, right, bottom = self.box
        low = np.array([left, top]) - 0.5 - MARGIN
        high = np.array([right, bottom]) - 0.5 + MARGIN
        return np.all((points >= low) & (points <= high), axis=1)

    def texture(self) -> Image.Image:
        """Draw it: smooth blotches of random colours."""
        left, top, right, bottom = self.box
        rng = np.random.default_rng(self.seed)
        blotches = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        return Image.fromarray(blotches).resize((right - left, bottom - top), Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Recipe:
    """How a photograph becomes a warped image of the same size.

    Attributes:
        size: (W, H) in pixels.
        matrix: The homography, nine numbers, row-major (:mod:`visionlaw_warps.homography`).
        gamma: Exponent of the colour curve.
        contrast: Its slope, about mid-grey.
        brightness: Its shift; white is 1.
        tint: Gain of red, green and blue.
        noise: Standard deviation of the Gaussian noise; white is 1.
        occluders: What stands in front.
        seed: Seed of the noise.
        light: What light falls on the scene; None: the photograph's.
        blur: How it is blurred; None: not.
        quality: Quality, 1 to 95, at which it is compressed as JPEG in the end; None: not.
        fine: Draw at twice the size and average: what is foreshortened would alias otherwise.
    """

    size: tuple[int, int]
    matrix: tuple[float, ...]
    gamma: float
    contrast: float
    brightness: float
    tint: tuple[float, float, float]
    noise: float
    occluders: tuple[Occluder, ...]
    seed: int
    light: Light | None = None
    blur: Blur | None = None
    quality: int | None = None
    fine: bool = False

    @property
    def homography(self) -> homography.Matrix:
        """The matrix as ``[3, 3]``."""
        return np.array(self.matrix).reshape(3, 3)

    @property
    def digest(self) -> str:
        """SHA-256 of everything above, in hexadecimal."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def move(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the photograph's pixel positions ``[m, 2]`` are in the warped image, seen or not."""
        return homography.apply(self.homography, points)

    def visible(self, moved: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which moved positions ``[m, 2]`` lie inside the frame and behind no occluder."""
        seen = np.all((moved >= 0) & (moved <= np.array(self.size) - 1), axis=1)
        for occluder in self.occluders:
            seen &= ~occluder.covers(moved)
        return seen


def draw_recipe(rng: np.random.Generator, size: tuple[int, int], level: float = 1.0) -> Recipe:
    """Draw the recipe of a plane warp: homography, colour curve, noise, and one or two occluders.

    Args:
        rng: The generator that is consumed.
        size: (W, H) of the photograph.
        level: Strength of the homography, the colours and the noise; 1 is the standard, 0 leaves only the
            occluders.
    """
    matrix = homography.draw(rng, size, level)
    gamma, contrast, brightness, *tint = rng.uniform(-1.0, 1.0, 6) * level
    red, green, blue = (math.exp(t * LOG_TINT) for t in tint)
    return Recipe(
        size=size,
        matrix=tuple(float(value) for value in matrix.ravel()),
        gamma=math.exp(gamma * LOG_GAMMA),
        contrast=math.exp(contrast * LOG_CONTRAST),
        brightness=float(brightness * BRIGHTNESS),
        tint=(red, green, blue),
        noise=float(rng.uniform(0.0, NOISE) * level),
        occluders=tuple(_draw_occluder(rng, size) for _ in range(rng.integers(1, 3))),
        seed=int(rng.integers(2**32)),
    )


def render(recipe: Recipe, photo: Image.Image) -> Image.Image:
    """Draw the warped image. What the photograph does not show is filled with its mean colour.

    A mirrored filling would show some corners twice, and make the true answer one of two.

    Args:
        recipe: How.
        photo: An RGB image of the recipe's size.
    """
    mean = photo.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    factor = 2 if recipe.fine else 1
    inverse = np.linalg.inv(np.diag([factor, factor, 1.0]) @ recipe.homography)
    warped = photo.transform(
        (factor * recipe.size[0], factor * recipe.size[1]),
        Image.Transform.PERSPECTIVE,
        tuple((inverse / inverse[2, 2]).ravel()[:8]),
        Image.Resampling.BICUBIC,
        fillcolor=mean,
    )
    if recipe.fine:
        warped = warped.reduce(factor)
    for occluder in recipe.occluders:
        warped.paste(occluder.texture(), occluder.box[:2])
    if recipe.light is not None:
        warped = illuminate(warped, recipe.light)
    if recipe.blur is not None:
        warped = recipe.blur.apply(warped)
    exposed = _expose(recipe, warped)
    return exposed if recipe.quality is None else _compress(exposed, recipe.quality)


def _draw_occluder(rng: np.random.Generator, size: tuple[int, int]) -> Occluder:
    width, height = (round(side * share) for side, share in zip(size, rng.uniform(*OCCLUDER_SIDE, 2), strict=True))
    left = int(rng.integers(0, size[0] - width + 1))
    top = int(rng.integers(0, size[1] - height + 1))
    return Occluder((left, top, left + width, top + height), int(rng.integers(2**32)))


def _expose(recipe: Recipe, image: Image.Image) -> Image.Image:
    levels = np.linspace(0.0, 1.0, 256) ** recipe.gamma
    levels = (levels - 0.5) * recipe.contrast + 0.5 + recipe.brightness
    curves = (levels[:, None] * np.array(recipe.tint) * 255).astype(np.float32)
    pixels = np.asarray(image)
    exposed = np.stack([curves[:, c][pixels[..., c]] for c in range(3)], axis=-1)
    noise = np.random.default_rng(recipe.seed).standard_normal(exposed.shape, dtype=np.float32)
    exposed += noise * np.float32(recipe.noise * 255)
    return Image.fromarray(np.clip(np.rint(exposed), 0, 255).astype(np.uint8))


def _compress(image: Image.Image, quality: int) -> Image.Image:
    """Return what is left of an image that is saved as JPEG, its colours at half the resolution."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file).convert("RGB")
