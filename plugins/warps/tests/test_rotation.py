from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw_warps import homography, rotation

SIZES = st.tuples(st.integers(64, 512), st.integers(64, 512))
ANGLES = st.floats(-rotation.STEEPEST, rotation.STEEPEST)


def project(size: tuple[int, int], yaw: float, pitch: float, point: tuple[float, float]) -> tuple[float, float]:
    """Turn a point of the print in space, step by step, and look at it through a pinhole."""
    distance = 1.2 * max(size)
    x, y, z = point[0] + 0.5 - size[0] / 2, point[1] + 0.5 - size[1] / 2, 0.0
    x, z = x * math.cos(yaw) - z * math.sin(yaw), x * math.sin(yaw) + z * math.cos(yaw)
    y, z = y * math.cos(pitch) - z * math.sin(pitch), y * math.sin(pitch) + z * math.cos(pitch)
    z += distance
    return size[0] / 2 - 0.5 + distance * x / z, size[1] / 2 - 0.5 + distance * y / z


@given(size=SIZES, yaw=ANGLES, pitch=ANGLES, place=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_points_go_where_a_camera_sees_them(
    size: tuple[int, int], yaw: float, pitch: float, place: tuple[float, float]
) -> None:
    point = (place[0] * (size[0] - 1), place[1] * (size[1] - 1))
    matrix = rotation.turn(size, yaw, pitch)

    assert homography.apply(matrix, point) == pytest.approx(project(size, yaw, pitch, point), abs=1e-6)


def test_straight_on_nothing_moves() -> None:
    points = np.array([[0.0, 0.0], [299.0, 199.0], [20.0, 120.5]])

    assert homography.apply(rotation.turn((300, 200), 0.0, 0.0), points) == pytest.approx(points)


def test_the_edge_that_moves_away_shrinks() -> None:
    """Yaw turns the right edge away, pitch the lower one."""
    corners = np.array([[0, 0], [299, 0], [0, 199], [299, 199]], dtype=np.float64)
    a, b, c, d = homography.apply(rotation.turn((300, 200), 0.5, 0.0), corners)
    assert np.linalg.norm(c - a) > np.linalg.norm(d - b)
    a, b, c, d = homography.apply(rotation.turn((300, 200), 0.0, 0.5), corners)
    assert np.linalg.norm(b - a) > np.linalg.norm(d - c)


@given(size=SIZES, yaw=ANGLES, pitch=ANGLES)
def test_the_tilt_is_the_angle_between_print_and_image(size: tuple[int, int], yaw: float, pitch: float) -> None:
    expected = math.acos(min(1.0, math.cos(yaw) * math.cos(pitch)))

    assert math.cos(rotation.tilt(rotation.turn(size, yaw, pitch), size)) == pytest.approx(math.cos(expected), abs=1e-9)


@given(seed=st.integers(0, 10_000), size=SIZES, level=st.floats(0.0, 2.0))
def test_most_of_a_drawn_print_is_seen_and_all_of_it_in_front_of_the_camera(
    seed: int, size: tuple[int, int], level: float
) -> None:
    matrix = rotation.draw(np.random.default_rng(seed), size, level)

    xs, ys = np.meshgrid(np.linspace(-0.5, size[0] - 0.5, 30), np.linspace(-0.5, size[1] - 0.5, 30))
    points = np.stack([xs.ravel(), ys.ravel()], axis=-1)
    assert ((points + 0.5) @ matrix[2, :2] + matrix[2, 2] > 0).all()
    moved = homography.apply(matrix, points)
    assert np.all((moved >= -0.5) & (moved <= np.array(size) - 0.5), axis=1).mean() > 0.5
    limit = min(rotation.ANGLE * level, rotation.STEEPEST)
    assert rotation.tilt(matrix, size) <= math.acos(math.cos(limit) ** 2) + 1e-6


def test_level_1_reaches_45_degrees_about_either_axis() -> None:
    rng = np.random.default_rng(0)
    tilts = [rotation.tilt(rotation.draw(rng, (400, 300)), (400, 300)) for _ in range(200)]

    assert max(tilts) > math.radians(50)
    assert np.mean(tilts) > math.radians(25)
