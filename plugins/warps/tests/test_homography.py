from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw_warps import homography

SIZES = st.tuples(st.integers(64, 512), st.integers(64, 512))


def test_level_0_moves_nothing() -> None:
    matrix = homography.draw(np.random.default_rng(1), (300, 200), level=0.0)

    points = np.array([[0.0, 0.0], [299.0, 10.5], [12.0, 199.0]])
    assert homography.apply(matrix, points) == pytest.approx(points)


def test_positions_count_from_pixel_centres() -> None:
    """Twice as large about the corner: the centre of pixel 0 goes to the edge between pixels 0 and 1."""
    assert homography.apply(np.diag([2.0, 2.0, 1.0]), [0.0, 3.0]) == pytest.approx([0.5, 6.5])


@given(seed=st.integers(0, 10_000), size=SIZES, level=st.floats(0.0, 2.0))
def test_most_of_the_image_stays_in_the_frame_and_none_of_it_behind_the_camera(
    seed: int, size: tuple[int, int], level: float
) -> None:
    matrix = homography.draw(np.random.default_rng(seed), size, level)

    xs, ys = np.meshgrid(np.linspace(-0.5, size[0] - 0.5, 40), np.linspace(-0.5, size[1] - 0.5, 40))
    points = np.stack([xs.ravel(), ys.ravel()], axis=-1)
    depth = (points + 0.5) @ matrix[2, :2] + matrix[2, 2]
    assert (depth > 0).all()
    moved = homography.apply(matrix, points)
    inside = np.all((moved >= -0.5) & (moved <= np.array(size) - 0.5), axis=1)
    assert inside.mean() > 0.5


def test_warps_differ_from_each_other() -> None:
    rng = np.random.default_rng(0)
    first, second = (homography.draw(rng, (400, 300)) for _ in range(2))

    assert np.abs(homography.apply(first, [350.0, 250.0]) - homography.apply(second, [350.0, 250.0])).max() > 5
