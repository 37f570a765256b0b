from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.protocols import Pair
from visionlaw_warps import homography
from visionlaw_warps.attributes import describe
from visionlaw_warps.dataset import build
from visionlaw_warps.kinds import KINDS, MIXED, Drawn, draw, kind_of
from visionlaw_warps.plugin import visionlaw_datasets
from visionlaw_warps.rendering import render

SPEC = next(iter(visionlaw_datasets()))
SIZE = (360, 240)
POINTS = np.array([[60.0, 50.0], [180.0, 120.0], [310.0, 60.0], [90.0, 200.0], [280.0, 190.0]])


@pytest.fixture(scope="module")
def by_kind() -> dict[str, dict[str, Pair]]:
    """The default pairs of each kind, by their ids."""
    return {kind: {pair.id: pair for pair in build(SPEC, kind=kind)} for kind in KINDS}


def drawn(kind: str, seed: int, level: float = 1.0) -> Drawn:
    return draw(kind, np.random.default_rng(seed), np.random.default_rng([seed, 1]), SIZE, level)


def dot(x: float, y: float) -> Image.Image:
    pixels = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    pixels[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    return Image.fromarray(pixels)


def centroid(image: Image.Image, near: np.ndarray) -> np.ndarray:
    """Return the centre of mass of what is brighter than its surroundings, within 30 pixels."""
    light = np.asarray(image, dtype=np.float64).sum(axis=2)
    light = np.clip(light - np.median(light), 0, None)
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    light[np.hypot(columns - near[0], rows - near[1]) > 30] = 0
    light[light < 0.3 * light.max()] = 0
    return np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", KINDS)
def test_a_dot_is_found_where_the_recipe_says(kind: str, seed: int) -> None:
    """Of each kind, with its own geometry, light, blur and compression, to a fraction of a pixel."""
    recipe = replace(drawn(kind, seed).recipe, occluders=(), noise=0.0, brightness=0.0)
    moved = recipe.move(POINTS)
    errors = [
        np.linalg.norm(centroid(render(recipe, dot(x, y)), truth) - truth)
        for (x, y), truth in zip(POINTS, moved, strict=True)
        if (truth > 12).all() and (truth < np.array(SIZE) - 13).all()
    ]

    assert len(errors) >= 2
    assert max(errors) < 0.6
    assert np.mean(errors) < 0.35


@pytest.mark.parametrize("kind", ["blur", "jpeg", "light"])
def test_only_one_thing_is_added_to_the_plane_warp(kind: str) -> None:
    plane, other = drawn("plane", 3).recipe, drawn(kind, 3).recipe

    assert replace(other, light=None, blur=None, quality=None) == plane
    assert [other.blur is not None, other.quality is not None, other.light is not None].count(True) == 1


def test_a_rotation_has_the_plane_warps_colours_and_occluders() -> None:
    plane, other = drawn("plane", 3).recipe, drawn("rotation", 3).recipe

    assert other.matrix != plane.matrix
    assert replace(other, matrix=plane.matrix, fine=False) == plane


@pytest.mark.parametrize("kind", KINDS)
def test_level_0_leaves_only_the_occluders(kind: str) -> None:
    recipe = replace(drawn(kind, 5, 0.0).recipe, occluders=())
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)

    assert np.array_equal(np.asarray(render(recipe, Image.fromarray(pixels))), pixels)


def test_half_of_the_mixture_are_plane_warps_and_all_kinds_are_in_it() -> None:
    pairs = list(build(SPEC))
    counts = Counter(pair.attributes["kind"] for pair in pairs)

    assert counts == {"plane": 32, "rotation": 8, "blur": 8, "jpeg": 8, "light": 8}
    assert [pair.attributes["kind"] for pair in pairs[:8]] == list(MIXED)
    assert kind_of("mixed", 9) == MIXED[1]


def test_a_pair_of_the_mixture_is_the_pair_of_its_kind(by_kind: dict[str, dict[str, Pair]]) -> None:
    """The number decides the kind; the rest is as with that kind alone."""
    for pair in build(SPEC):
        other = by_kind[str(pair.attributes["kind"])][pair.id]
        assert pair.target.key == other.target.key
        assert np.array_equal(pair.target_points, other.target_points)
        assert pair.attributes == other.attributes


def test_blurred_pairs_have_the_plane_warps_keypoints(by_kind: dict[str, dict[str, Pair]]) -> None:
    for kind in ("blur", "jpeg", "light"):
        for name, one in by_kind["plane"].items():
            other = by_kind[kind][name]
            assert np.array_equal(one.source_points, other.source_points)
            assert np.array_equal(one.target_points, other.target_points)
            assert one.target.key != other.target.key


def test_plane_warps_are_those_of_the_first_generator(by_kind: dict[str, dict[str, Pair]]) -> None:
    """What was measured before there were kinds is measured by kind=plane: the positions it had then."""
    pairs = by_kind["plane"]

    assert sum(len(pair.target_points) for pair in pairs.values()) == 1227
    assert pairs["astronaut:0"].target_points[0] == pytest.approx([192.10322617, 410.24061844])
    assert pairs["chelsea:1"].target_points[0] == pytest.approx([227.36252089, 58.65130849])


def test_every_pair_can_be_broken_down(by_kind: dict[str, dict[str, Pair]]) -> None:
    values: dict[str, set[object]] = {}
    for pairs in by_kind.values():
        for pair in pairs.values():
            for name, value in pair.attributes.items():
                values.setdefault(name, set()).add(value)

    assert values["severity"] == {1, 2, 3}
    assert values["effect"] == {"none", "gaussian", "motion", "gradient", "spot", "temperature", "shadow"}
    assert values["scale"] == {"smaller", "same", "larger"}
    assert values["turn"] == {"0-10", "10-20", "20-30", "30+"}
    assert values["tilt"] == {"0-15", "15-30", "30-45", "45+"}


def test_turn_tilt_and_scale_by_hand() -> None:
    angle, zoom = np.radians(-25.0), 0.7
    turned = np.eye(3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned[:2, :2] = zoom * turn @ np.diag([1.2, 0.9])  # foreshortened by acos(0.75) = 41°
    base = drawn("plane", 0)
    matrix = homography.about_centre(turned, SIZE)
    recipe = replace(base.recipe, matrix=tuple(float(v) for v in matrix.ravel()))
    found = describe(replace(base, recipe=recipe), POINTS, recipe.move(POINTS))

    assert (found["turn"], found["tilt"], found["scale"]) == ("20-30", "30-45", "smaller")


def test_the_jacobian_is_the_derivative() -> None:
    matrix = homography.draw(np.random.default_rng(4), SIZE)
    step = 1e-4
    for point in POINTS:
        moved = [
            (homography.apply(matrix, point + offset) - homography.apply(matrix, point - offset)) / (2 * step)
            for offset in (np.array([step, 0]), np.array([0, step]))
        ]
        assert homography.jacobian(matrix, point[None])[0] == pytest.approx(np.column_stack(moved), rel=1e-5, abs=1e-6)


def test_an_unknown_kind() -> None:
    with pytest.raises(DataError, match="no kind 'fog'") as caught:
        build(SPEC, kind="fog")
    assert "jpeg" in caught.value.remedy
