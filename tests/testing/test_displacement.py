"""Where targets show what sources show, measured on noise that is moved by a known distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visionlaw.testing.displacement import FEWEST, Displacement, find_displacement

SIDE = 96
BICUBIC = Image.Resampling.BICUBIC


def noise(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (SIDE // 3, SIDE // 3, 3), dtype=np.uint8)).resize(
        (SIDE, SIDE), BICUBIC
    )


def points(count: int = 20) -> NDArray[np.float64]:
    return np.random.default_rng(9).uniform(20, SIDE - 21, (count, 2))


def find(target: Image.Image, beside: Sequence[float] = (0, 0), count: int = 20) -> Displacement | None:
    return find_displacement([(noise(1), target, points(count), points(count) - beside)])


@pytest.mark.parametrize("beside", [(0.5, 0.5), (-0.5, 0.0), (2.5, -3.0), (7.0, 7.0)])
def test_how_far_keypoints_are_beside_the_content_is_found(beside: tuple[float, float]) -> None:
    found = find(noise(1), beside)
    assert found is not None
    assert (found.x, found.y) == beside
    assert found.away


def test_keypoints_on_the_content_are_not_away_from_it() -> None:
    assert find(noise(1)) == Displacement(0, 0, False, 20)


def test_another_light_and_a_little_noise_are_not_another_place() -> None:
    pixels = np.asarray(noise(1), np.float64) * 0.6 + 30 + np.random.default_rng(3).normal(0, 12, (SIDE, SIDE, 3))
    found = find(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    assert found is not None
    assert not found.away


def test_of_other_things_nothing_is_said() -> None:
    assert find(noise(2)) is None
    assert find(Image.new("RGB", (SIDE, SIDE), "white")) is None


def test_of_few_keypoints_nothing_is_said() -> None:
    assert find(noise(1), count=FEWEST - 1) is None
    assert find(noise(1), count=FEWEST) is not None
