from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from visionlaw_warps.rendering import Occluder, Recipe, draw_recipe, render

SIZE = (360, 240)


def recipe(seed: int, level: float = 1.0) -> Recipe:
    return draw_recipe(np.random.default_rng(seed), SIZE, level)


def dot(x: int, y: int) -> Image.Image:
    """One bright dot, three pixels wide, on black."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("level", [1.0, 2.0])
def test_a_dot_is_found_where_the_recipe_says(seed: int, level: float) -> None:
    drawn = replace(recipe(seed, level), occluders=(), noise=0.0, brightness=0.0)
    points = np.array([[60.0, 50.0], [180.0, 120.0], [310.0, 60.0], [90.0, 200.0], [280.0, 190.0]])
    moved = drawn.move(points)
    checked = 0
    for (x, y), truth, seen in zip(points, moved, drawn.visible(moved), strict=True):
        if not seen or (truth < 6).any() or (truth > np.array(SIZE) - 7).any():
            continue
        light = np.asarray(render(drawn, dot(int(x), int(y))), dtype=np.float64).sum(axis=2)
        light = np.clip(light - np.median(light), 0, None)
        light[light < 0.3 * light.max()] = 0
        rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
        centroid = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
        assert np.linalg.norm(centroid - truth) < 0.35
        checked += 1
    assert checked >= 1


def test_what_an_occluder_covers_is_not_visible() -> None:
    drawn = replace(recipe(0, 0.0), occluders=(Occluder((100, 50, 160, 90), seed=3),))
    inside_outside = np.array([[100.0, 50.0], [159.0, 89.0], [130.0, 70.0], [95.0, 70.0], [130.0, 95.0]])

    assert drawn.visible(drawn.move(inside_outside)).tolist() == [False, False, False, True, True]


def test_an_occluder_is_drawn_where_it_covers() -> None:
    drawn = replace(recipe(0, 0.0), occluders=(Occluder((100, 50, 160, 90), seed=3),))
    grey = Image.new("RGB", SIZE, (128, 128, 128))

    changed = (np.asarray(render(drawn, grey)) != 128).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (100, 50, 160, 90)


def test_what_leaves_the_frame_is_not_visible() -> None:
    moved = np.array([[-0.1, 5.0], [5.0, 239.2], [359.5, 5.0], [0.0, 0.0], [359.0, 239.0]])

    assert replace(recipe(0), occluders=()).visible(moved).tolist() == [False, False, False, True, True]


def test_every_recipe_has_one_or_two_occluders_inside_the_frame() -> None:
    counts = set()
    for seed in range(40):
        drawn = recipe(seed)
        counts.add(len(drawn.occluders))
        for occluder in drawn.occluders:
            left, top, right, bottom = occluder.box
            assert 0 <= left < right <= SIZE[0]
            assert 0 <= top < bottom <= SIZE[1]
    assert counts == {1, 2}


def test_level_0_keeps_the_colours() -> None:
    drawn = replace(recipe(5, 0.0), occluders=())
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)

    assert np.array_equal(np.asarray(render(drawn, Image.fromarray(pixels))), pixels)


def test_the_digest_tells_recipes_apart() -> None:
    one = recipe(1)

    assert one.digest == recipe(1).digest
    assert one.digest != replace(one, gamma=one.gamma + 1e-6).digest
    assert one.digest != replace(one, occluders=one.occluders[:-1]).digest
