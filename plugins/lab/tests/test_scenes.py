from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from visionlaw_lab.names import COLUMNS, ROWS, SIDE
from visionlaw_lab.rendering import RGB, digit_samples, render
from visionlaw_lab.scenes import Wanted, draw_scene, extent, rearranged

SCENES = [draw_scene("captions", "train", 0, number) for number in range(60)]


def test_scene_is_the_same_each_time_and_another_by_seed_purpose_and_split() -> None:
    one = draw_scene("captions", "train", 3, 7)
    assert one == draw_scene("captions", "train", 3, 7)
    others = [
        draw_scene("captions", "train", 4, 7),
        draw_scene("captions", "test", 3, 7),
        draw_scene("texts", "train", 3, 7),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 4
    assert render(one).tobytes() == render(draw_scene("captions", "train", 3, 7)).tobytes()


def test_items_lie_inside_their_cells() -> None:
    for scene in SCENES:
        assert len({item.cell for item in scene.items}) == len(scene.items)
        for item in scene.items:
            column, row = item.cell % COLUMNS, item.cell // COLUMNS
            width, height = extent(item)
            assert column * SIDE / COLUMNS <= item.x + 0.5 - width / 2
            assert item.x + 0.5 + width / 2 <= (column + 1) * SIDE / COLUMNS
            assert row * SIDE / ROWS <= item.y + 0.5 - height / 2
            assert item.y + 0.5 + height / 2 <= (row + 1) * SIDE / ROWS


def _share_of_colour(pixels: NDArray[np.float64], cell: int, colour: str) -> float:
    """Share of a cell's pixels that have a colour, whatever was meant to be there."""
    near = np.linalg.norm(pixels - np.array(RGB[colour]), axis=-1) < 40
    column, row = cell % COLUMNS, cell // COLUMNS
    height, width = SIDE / ROWS, SIDE / COLUMNS
    part = near[round(row * height) : round((row + 1) * height), round(column * width) : round((column + 1) * width)]
    return float(part.mean())


def test_what_a_scene_says_is_what_its_picture_shows() -> None:
    for scene in SCENES:
        held = {item.cell: item.colour for item in scene.items}
        pixels = np.asarray(render(scene), np.float64)
        for cell in range(ROWS * COLUMNS):
            shown = {colour for colour in RGB if _share_of_colour(pixels, cell, colour) > 0.02}
            assert held.get(cell) in shown if cell in held else not shown, (scene.name, cell)


def test_digits_of_the_splits_are_of_different_hands() -> None:
    train, test = digit_samples("train"), digit_samples("test")
    assert sum(map(len, train)) + sum(map(len, test)) == 1797
    for digit in range(10):
        seen = {sample.tobytes() for sample in train[digit]}
        assert not any(sample.tobytes() in seen for sample in test[digit])


def test_rearranged_scene_has_the_same_things_elsewhere() -> None:
    for scene in SCENES:
        again = rearranged(scene, 0)
        names = [(item.kind, item.name, item.colour) for item in scene.items]
        assert Counter((item.kind, item.name, item.colour) for item in again.items) == Counter(names)
        assert [item.cell for item in again.items] != [item.cell for item in scene.items] or len(names) < 3


@pytest.mark.parametrize("colour", ["red", "purple"])
def test_wanted_things_are_there(colour: str) -> None:
    scene = draw_scene("x", "test", 0, 1, Wanted(shapes=(("cross", colour),), digit="seven", word="", place=4))
    (shape,) = scene.of_kind("shape")
    assert (shape.name, shape.colour, shape.place) == ("cross", colour, "bottom-left")
    assert [item.name for item in scene.of_kind("digit")] == ["seven"]
    assert not scene.of_kind("word")
