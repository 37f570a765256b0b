"""Blur, light and compression change the picture and move nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from visionlaw_warps.blur import GaussianBlur, MotionBlur, draw_blur, line_kernel
from visionlaw_warps.light import Gradient, Light, Shadow, Spot, Temperature, draw_light, illuminate
from visionlaw_warps.rendering import Recipe, render

SIZE = (120, 90)
SPOT = Spot((0.2, 0.1), 0.4, 0.3, 1.25)
LIGHTS = (Gradient(0.7, 0.8), SPOT, Temperature(0.4), Shadow(0.3, 0.0, 0.3, 0.05, 0.3))


def centroid(image: Image.Image) -> NDArray[np.float64]:
    """Return where the brightness above the background has its centre of mass."""
    light = np.asarray(image, dtype=np.float64).sum(axis=2)
    light -= np.median(light)
    light[light < 0.05 * light.max()] = 0
    rows, columns = np.mgrid[0 : light.shape[0], 0 : light.shape[1]]
    return np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()


def dot(x: int, y: int, reach: int = 4) -> Image.Image:
    pixels = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    pixels[y - reach : y + reach + 1, x - reach : x + reach + 1] = 255
    return Image.fromarray(pixels)


@given(seed=st.integers(0, 10_000), severity=st.floats(0.0, 2.0))
@settings(deadline=None)
def test_blur_has_no_net_shift(seed: int, severity: float) -> None:
    blur = draw_blur(np.random.default_rng(seed), (512, 400), severity)

    assert centroid(blur.apply(dot(61, 40))) == pytest.approx([61, 40], abs=0.05)


@given(length=st.floats(0.0, 40.0), angle=st.floats(0.0, math.pi))
def test_a_line_is_symmetric_of_its_length_and_direction(length: float, angle: float) -> None:
    kernel = line_kernel(length, angle)

    assert kernel.sum() == 65536
    assert (kernel >= 0).all()
    assert (kernel == kernel[::-1, ::-1]).all()
    reach = kernel.shape[0] // 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = columns * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle)
    spread = (kernel * along**2).sum() / 65536
    assert spread == pytest.approx(length**2 / 12, rel=0.005, abs=0.3)
    assert (kernel * across**2).sum() / 65536 < 0.3


@pytest.mark.parametrize("blur", [GaussianBlur(0.0), MotionBlur(0.0, 1.0)])
def test_no_blur_changes_nothing(blur: GaussianBlur | MotionBlur) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)

    assert np.array_equal(np.asarray(blur.apply(Image.fromarray(pixels))), pixels)


@pytest.mark.parametrize("blur", [GaussianBlur(3.0), MotionBlur(15.0, 0.4)])
def test_blur_keeps_flat_colour_and_takes_detail(blur: GaussianBlur | MotionBlur) -> None:
    flat = Image.new("RGB", SIZE, (10, 200, 255))
    assert np.array_equal(np.asarray(blur.apply(flat)), np.asarray(flat))
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    assert np.asarray(blur.apply(Image.fromarray(pixels)), dtype=float).std() < 0.5 * pixels.std()


@pytest.mark.parametrize("which", range(40))
def test_light_of_severity_0_changes_nothing(which: int) -> None:
    pixels = np.random.default_rng(which).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    light = draw_light(np.random.default_rng(which), 0.0)

    assert np.array_equal(np.asarray(illuminate(Image.fromarray(pixels), light)), pixels)


@pytest.mark.parametrize("light", LIGHTS)
def test_light_moves_no_edge(light: Light) -> None:
    """The middle of a step between two greys stays between the same two pixels."""
    pixels = np.full((90, 120, 3), 60, dtype=np.uint8)
    pixels[:, 57:] = 140
    lit = np.asarray(illuminate(Image.fromarray(pixels), light), dtype=np.float64).sum(axis=2)

    steepest = np.abs(np.diff(np.log(np.maximum(lit, 1)), axis=1)).argmax(axis=1)
    assert (steepest == 56).all()


def test_a_gradient_is_brightest_where_it_comes_from() -> None:
    gain = Gradient(0.0, math.log(2)).gain((101, 51))[..., 0]

    assert gain[25, 50] == pytest.approx(1.0)
    assert gain[25, 100] == pytest.approx(2.0, rel=0.02)
    assert gain[25, 0] == pytest.approx(0.5, rel=0.02)
    assert np.ptp(gain, axis=0).max() == 0


def test_a_spot_is_brightest_in_its_middle() -> None:
    gain = SPOT.gain((200, 100))[..., 0]
    y, x = np.unravel_index(gain.argmax(), gain.shape)

    assert (x, y) == pytest.approx((119.5, 59.5), abs=1)
    assert gain.max() == pytest.approx(1.25, abs=0.01)
    assert 0.3 < gain.min() < 0.5


def test_warm_light_is_red_and_leaves_green() -> None:
    warm = np.asarray(illuminate(Image.new("RGB", (8, 8), (100, 100, 100)), Temperature(math.log(1.5))))

    assert warm[0, 0].tolist() == [150, 100, 67]


def test_a_shadow_is_a_band() -> None:
    gain = Shadow(0.0, 0.5, 0.2, 0.05, 0.3).gain((200, 100))[..., 0]

    assert gain[:, 150] == pytest.approx(0.3)
    assert gain[:, 100] == pytest.approx(1.0)
    assert gain[:, 195] == pytest.approx(1.0)
    assert (gain[:, 133:167] < 0.31).all()


def blank(quality: int | None) -> Recipe:
    matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return Recipe(SIZE, matrix, 1.0, 1.0, 0.0, (1.0, 1.0, 1.0), 0.0, (), 0, quality=quality)


@pytest.mark.parametrize("quality", [5, 8, 40, 95])
@pytest.mark.parametrize("at", [(61, 40), (30, 21), (95, 70)])
def test_compression_keeps_positions(quality: int, at: tuple[int, int]) -> None:
    drawn = render(blank(quality), dot(*at, reach=6))

    assert drawn.mode == "RGB"
    assert drawn.size == SIZE
    assert centroid(drawn) == pytest.approx(at, abs=0.3)


def test_lower_quality_is_further_off() -> None:
    blotches = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    photo = Image.fromarray(blotches).resize(SIZE, Image.Resampling.BICUBIC)
    errors = [
        np.abs(np.asarray(render(blank(quality), photo), dtype=float) - np.asarray(photo)).mean()
        for quality in (95, 40, 8)
    ]

    assert 0 < errors[0] < errors[1] < errors[2]
