"""How a page is photographed: the homography from page to image, the light on it, and the camera's noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageFilter

from visionlaw_textpairs.dice import SOURCE, Dice
from visionlaw_textpairs.page import Mark

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]

# At level 3.
ROTATION = math.radians(14.0)
PERSPECTIVE = 0.22
TEXTURE = 0.045
SHADOW = 0.5
NOISE = 0.045
BLUR = 0.7
CALM = 0.35  # what the source gets of it


@dataclass(frozen=True)
class Camera:
    """How a page is seen.

    Attributes:
        size: (W, H) of the image.
        matrix: ``[3, 3]``, from the page to the image, both in pixels from the top-left *corner*.
        strength: How strong texture, shadows, blur and noise are, 0 to 1.
        desk: The colour of what the page lies on.
        seed: Seed of texture, shadows and noise.
    """

    size: tuple[int, int]
    matrix: Matrix
    strength: float
    desk: tuple[int, int, int]
    seed: int

    def see(self, points: ArrayLike) -> Points:
        """Map positions ``[..., 2]`` on the page to visionlaw's, from the centre of the image's top-left pixel."""
        mapped = np.asarray(points, dtype=np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]
        return mapped[..., :2] / mapped[..., 2:] - 0.5

    def length(self, mark: Mark) -> float:
        """Return the longer side of a mark's box as it is seen, in image pixels: the mean of opposite edges."""
        left, top, right, bottom = mark.box
        corners = self.see([(left, top), (right, top), (right, bottom), (left, bottom)])
        edges = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
        return float(max(edges[0] + edges[2], edges[1] + edges[3]) / 2)

    def photograph(self, page: Image.Image) -> Image.Image:
        """Return the image of a page."""
        rng = np.random.default_rng(self.seed)
        if self.strength:
            page = _textured(page, rng, self.strength)
        inverse = np.linalg.inv(self.matrix)
        image = page
        if not np.allclose(self.matrix, np.eye(3)) or page.size != self.size:
            image = page.transform(
                self.size,
                Image.Transform.PERSPECTIVE,
                tuple((inverse / inverse[2, 2]).ravel()[:8]),
                Image.Resampling.BICUBIC,
                fillcolor=self.desk,
            )
        if not self.strength:
            return image
        if self.strength > 0.5:
            image = image.filter(ImageFilter.GaussianBlur(BLUR * (self.strength - 0.5) * 2))
        light = _light(rng, self.size, self.strength)
        pixels = np.asarray(image).astype(np.float32)
        pixels *= light[..., None]
        noise = rng.standard_normal((self.size[1], self.size[0], 1), dtype=np.float32)
        noise *= np.float32(255 * NOISE * self.strength)
        pixels += noise
        return _rounded(pixels)


def draw_camera(dice: Dice, size: tuple[int, int]) -> Camera:
    """Draw how a page of a size is seen: whole, in an image of the same size."""
    strength = dice.by_level(0.0, 1.0) * (CALM if dice.side == SOURCE else 1.0)
    rng = dice.own("camera")
    matrix = _look_at(rng, size, strength)
    desk = tuple(int(value) for value in rng.integers(40, 150, 3))
    return Camera(size, matrix, strength, (desk[0], desk[1], desk[2]), int(rng.integers(2**32)))


def _look_at(rng: np.random.Generator, size: tuple[int, int], strength: float) -> Matrix:
    """Draw a homography that keeps the whole page in the frame; the identity at strength 0."""
    angle, tilt_x, tilt_y, shift_x, shift_y, room = rng.uniform(-1.0, 1.0, 6)
    if not strength:
        return np.eye(3)
    half = max(size) / 2
    turn = strength * angle * ROTATION
    matrix = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    matrix[2, :2] = strength * tilt_x * PERSPECTIVE / half, strength * tilt_y * PERSPECTIVE / half
    matrix = matrix @ _shift(-size[0] / 2, -size[1] / 2)
    corners = np.array([(0, 0, 1), (size[0], 0, 1), size + (1,), (0, size[1], 1)]) @ matrix.T  # noqa: RUF005
    corners = corners[:, :2] / corners[:, 2:]
    low, high = corners.min(axis=0), corners.max(axis=0)
    zoom = float((size / (high - low)).min()) * (1 - 0.04 * strength * (1 + room))
    slack = np.array(size) - zoom * (high - low)
    corner = slack * (1 + np.array([shift_x, shift_y])) / 2
    return _shift(*(corner - zoom * low)) @ np.diag([zoom, zoom, 1.0]) @ matrix


def _shift(x: float, y: float) -> Matrix:
    matrix = np.eye(3)
    matrix[:2, 2] = x, y
    return matrix


def _smooth(rng: np.random.Generator, knots: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Draw a field ``[H, W]`` of values -1 to 1 that changes over 1/knots of the image."""
    coarse = rng.uniform(-1.0, 1.0, (knots, knots)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def _textured(page: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Give the paper a grain: blotches, and fibres along one axis."""
    grain = 0.5 * _smooth(rng, 90, page.size) + 0.5 * _smooth(rng, 12, page.size)
    grain *= 255 * TEXTURE * strength
    pixels = np.asarray(page).astype(np.float32)
    pixels += grain[..., None]
    return _rounded(pixels)


def _rounded(pixels: NDArray[np.float32]) -> Image.Image:
    """Return pixels as an image; they are overwritten."""
    np.rint(pixels, out=pixels)
    np.maximum(pixels, 0, out=pixels)
    np.minimum(pixels, 255, out=pixels)
    return Image.fromarray(pixels.astype(np.uint8))


def _light(rng: np.random.Generator, size: tuple[int, int], strength: float) -> NDArray[np.float32]:
    """Draw the light ``[H, W]``, 1 where it is full: uneven all over, with the soft edge of one shadow."""
    uneven = 0.5 * SHADOW * strength * (_smooth(rng, 4, size) - 1) / 2
    angle, place = rng.uniform(0, 2 * math.pi), rng.uniform(-0.3, 0.3)
    xs, ys = (np.arange(side, dtype=np.float32) / max(size) - 0.5 for side in size)
    across = xs * np.float32(math.cos(angle)) + (ys * np.float32(math.sin(angle)))[:, None] - np.float32(place)
    shadow = 1 / (1 + np.exp(-across * np.float32(25)))
    return np.asarray((1 + uneven) * (1 - np.float32(0.5 * SHADOW * strength) * shadow), dtype=np.float32)
