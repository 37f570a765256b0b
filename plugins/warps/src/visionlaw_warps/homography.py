"""Random homographies of an image plane onto itself.

A homography here is a ``[3, 3]`` matrix between positions that count from the image's top-left *corner*, in
pixels, the frame in which images are resampled. :func:`apply` takes and returns visionlaw's positions, which
count from the *centre* of the top-left pixel (:mod:`visionlaw.features.geometry`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]

# Ranges at level 1: as different as two photographs of one thing often are, and still the same way up.
ROTATION = math.radians(30.0)
LOG_SCALE = math.log(1.4)
LOG_ASPECT = math.log(1.2)
SHEAR = 0.15
PERSPECTIVE = 0.2
SHIFT = 0.12

KEPT_IN_FRAME = 0.6
ATTEMPTS = 50


def draw(rng: np.random.Generator, size: tuple[int, int], level: float = 1.0) -> Matrix:
    """Draw a homography that keeps most of the image in the frame.

    About the image's centre, at level 1: rotation to ±30°, scale from 1/1.4 to 1.4, aspect from 1/1.2 to 1.2
    (these two uniform in the logarithm), shear to ±0.15, shift to ±12% and perspective to ±0.2. What pushes
    more than 40% of the image out of the frame is drawn again; what still does after 50 draws is shrunk.

    Args:
        rng: The generator that is consumed.
        size: (W, H) of the image, and of the frame it is warped into.
        level: Multiplies all ranges; 0 gives the identity.
    """
    return draw_in_frame(lambda: _draw_one(rng, size, level), size)


def draw_in_frame(draw_one: Callable[[], Matrix], size: tuple[int, int]) -> Matrix:
    """Draw until at least 60% of the image stay in the frame; the last of 50 draws is shrunk until it does."""
    matrix = draw_one()
    for _ in range(ATTEMPTS - 1):
        if _share_in_frame(matrix, size) >= KEPT_IN_FRAME:
            return matrix
        matrix = draw_one()
    while _share_in_frame(matrix, size) < KEPT_IN_FRAME:
        matrix = about_centre(np.diag([0.9, 0.9, 1.0]), size) @ matrix
    return matrix


def apply(matrix: Matrix, points: ArrayLike) -> Points:
    """Map pixel positions ``[..., 2]`` (x, y, from the centre of the top-left pixel) through a homography."""
    corner_based = np.asarray(points, dtype=np.float64) + 0.5
    mapped = corner_based @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:] - 0.5


def _draw_one(rng: np.random.Generator, size: tuple[int, int], level: float) -> Matrix:
    angle, scale, aspect, shear, tilt_x, tilt_y, shift_x, shift_y = rng.uniform(-1.0, 1.0, 8) * level
    angle *= ROTATION
    zoom = math.exp(scale * LOG_SCALE)
    stretch = math.exp(aspect * LOG_ASPECT / 2)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    sheared = np.array([[stretch, shear * SHEAR], [0.0, 1 / stretch]])
    matrix = np.eye(3)
    matrix[:2, :2] = zoom * rotation @ sheared
    # Relative to half the longer side: the tilt is how much nearer one edge is than the centre.
    half = max(size) / 2
    matrix[2, :2] = tilt_x * PERSPECTIVE / half, tilt_y * PERSPECTIVE / half
    matrix[:2, 2] = shift_x * SHIFT * size[0], shift_y * SHIFT * size[1]
    return about_centre(matrix, size)


def jacobian(matrix: Matrix, points: ArrayLike) -> NDArray[np.float64]:
    """Return how a homography stretches and turns what lies around pixel positions ``[m, 2]``: ``[m, 2, 2]``."""
    corner_based = np.asarray(points, dtype=np.float64) + 0.5
    mapped = corner_based @ matrix[:, :2].T + matrix[:, 2]
    depth = mapped[:, 2, None, None]
    return (matrix[:2, :2] - mapped[:, :2, None] / depth * matrix[2, :2]) / depth


def about_centre(matrix: Matrix, size: tuple[int, int]) -> Matrix:
    """Return the homography that does about the image's centre what ``matrix`` does about the origin."""
    to_centre = np.eye(3)
    to_centre[:2, 2] = -size[0] / 2, -size[1] / 2
    back = np.eye(3)
    back[:2, 2] = size[0] / 2, size[1] / 2
    return back @ matrix @ to_centre


def _share_in_frame(matrix: Matrix, size: tuple[int, int]) -> float:
    """Return the share of the image's area, on a 16×16 lattice, that lands inside the frame."""
    lattice = (np.arange(16) + 0.5) / 16
    xs, ys = np.meshgrid(lattice * size[0], lattice * size[1])
    mapped = apply(matrix, np.stack([xs.ravel(), ys.ravel()], axis=-1) - 0.5)
    inside = (mapped >= -0.5) & (mapped <= np.array(size) - 0.5)
    return float(np.mean(inside.all(axis=1)))
