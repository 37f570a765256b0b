"""Rotations in depth: the photograph as a flat print that is turned in front of a pinhole camera."""

from __future__ import annotations

import math

import numpy as np

from visionlaw_warps import homography

ANGLE = math.radians(45.0)  # at level 1, about either axis
STEEPEST = math.radians(60.0)  # at any level: seen at a sharper angle, nothing of a print can be made out
FOCAL = 1.2  # focal length, and distance of the print, in longer sides: no part of it comes behind the camera


def draw(rng: np.random.Generator, size: tuple[int, int], level: float = 1.0) -> homography.Matrix:
    """Draw the homography of a print that is turned about its vertical and its horizontal axis.

    Both angles are uniform, to ±45° at level 1 and never beyond ±60°; the view is straight on at level 0. As much of
    the image stays in the frame as :func:`visionlaw_warps.homography.draw_in_frame` asks for.

    Args:
        rng: The generator that is consumed.
        size: (W, H) of the image, and of the frame.
        level: Multiplies the range of the angles.
    """
    limit = min(ANGLE * level, STEEPEST)

    def draw_one() -> homography.Matrix:
        yaw, pitch = rng.uniform(-limit, limit, 2)
        return turn(size, float(yaw), float(pitch))

    return homography.draw_in_frame(draw_one, size)


def turn(size: tuple[int, int], yaw: float, pitch: float) -> homography.Matrix:
    """Return the homography of a print that is turned by ``yaw``, then by ``pitch``, in radians.

    The camera looks along the third axis at the print's centre, from 1.2 times its longer side; unturned, the print
    fills the frame. The first axis points right, the second down: a positive yaw moves the right edge away.
    """
    distance = FOCAL * max(size)
    about_vertical = np.array(
        [[math.cos(yaw), 0.0, -math.sin(yaw)], [0.0, 1.0, 0.0], [math.sin(yaw), 0.0, math.cos(yaw)]]
    )
    about_horizontal = np.array(
        [[1.0, 0.0, 0.0], [0.0, math.cos(pitch), -math.sin(pitch)], [0.0, math.sin(pitch), math.cos(pitch)]]
    )
    turned = about_horizontal @ about_vertical
    # A point (x, y, 0) of the print goes to turned[:, :2] (x, y), the camera's centre lies `distance` before it.
    matrix = np.column_stack([turned[:, 0], turned[:, 1], [0.0, 0.0, distance]])
    matrix[:2] *= distance
    return homography.about_centre(matrix / distance, size)


def tilt(matrix: homography.Matrix, size: tuple[int, int]) -> float:
    """Return by how much the centre's surroundings are foreshortened, as the angle in radians of a print seen so.

    0 where they keep their shape; the angle whose cosine is the ratio of the smaller to the larger stretch.
    """
    centre = np.array([[(size[0] - 1) / 2, (size[1] - 1) / 2]])
    larger, smaller = np.linalg.svd(homography.jacobian(matrix, centre)[0], compute_uv=False)
    return math.acos(min(1.0, float(smaller / larger)))
