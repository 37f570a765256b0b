from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visionlaw_warps.corners import find_corners


def test_the_corners_of_a_rectangle() -> None:
    image = Image.new("RGB", (200, 160), "black")
    ImageDraw.Draw(image).rectangle((60, 40, 139, 119), fill="white")

    found = find_corners(image)

    expected = np.array([[60, 40], [139, 40], [60, 119], [139, 119]])
    assert len(found) == 4
    for corner in expected:
        assert np.abs(found - corner).max(axis=1).min() <= 3


def test_corners_are_spread_out_and_inside() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)

    found = find_corners(Image.fromarray(noise))

    assert len(found) == 40
    gaps = np.abs(found[:, None] - found[None]).max(axis=2)
    assert gaps[~np.eye(len(found), dtype=bool)].min() >= 20
    assert (found >= 20).all()
    assert (found <= np.array([379, 279])).all()


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_image_has_none(level: int) -> None:
    assert find_corners(Image.new("RGB", (128, 96), (level, level, level))).shape == (0, 2)
