from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visionlaw.features.preprocess import HALF, prepare

sizes = st.tuples(st.integers(3, 130), st.integers(3, 130))
modes = st.sampled_from(["squash", "letterbox", "crop"])
patches = st.sampled_from([(64, 8, None), (64, 8, 4), (70, 14, None), (65, 16, None), (48, 16, 8)])


@given(sizes, modes, patches, st.lists(st.tuples(st.floats(-1, 130), st.floats(-1, 130)), min_size=1))
@settings(deadline=None)
def test_pixels_to_grid_and_back(size, mode, patch, points) -> None:
    _, geometry = prepare(Image.new("RGB", size), patch[0], patch[1], patch[2], mode)
    np.testing.assert_allclose(geometry.to_pixels(geometry.to_grid(points)), points, rtol=0, atol=1e-6)


@given(sizes, modes, patches, st.data())
@settings(deadline=None, max_examples=200)
def test_a_bright_dot_lights_the_token_that_the_geometry_names(size, mode, patch, data) -> None:
    """The centre of gravity of the light over the input, in grid units, is where the geometry puts the dot."""
    resolution, side, stride = patch
    x = data.draw(st.integers(0, size[0] - 1))
    y = data.draw(st.integers(0, size[1] - 1))
    image = Image.new("RGB", size)
    image.putpixel((x, y), (255, 255, 255))
    dark, geometry = prepare(Image.new("RGB", size), resolution, side, stride, mode, mean=(0, 0, 0))
    lit, _ = prepare(image, resolution, side, stride, mode, mean=(0, 0, 0))
    position = geometry.to_grid((x, y))
    step = stride or side
    pixels_per_token = abs(np.array(geometry.scale)) * step  # input pixels per image pixel
    margin = 3 * np.maximum(pixels_per_token, 1) / step  # the bicubic filter must not be cut by the border
    if np.any(position < margin - 0.5) or np.any(position > np.array(geometry.grid[::-1]) - 0.5 - margin):
        return
    light = (lit - dark)[0].double()
    total = light.sum()
    if total < 0.5:  # reduced to less than 8 bits can show
        return
    at = torch.arange(resolution, dtype=torch.float64) + 0.5
    centre = torch.stack([(light.sum(0) * at).sum(), (light.sum(1) * at).sum()]) / total
    found = (centre.numpy() - side / 2) / step
    # Ringing below zero is clipped and levels are rounded: a fraction of an input pixel.
    np.testing.assert_allclose(found, position, atol=0.3 / step + 0.02)


@pytest.mark.parametrize("mode", ["squash", "letterbox", "crop"])
@pytest.mark.parametrize("size", [(97, 61), (61, 97), (64, 64), (33, 200)])
def test_a_bright_block_is_brightest_in_its_own_token(mode: str, size: tuple[int, int]) -> None:
    """What an encoder does: average each patch; the brightest token holds the block's centre."""
    for x, y in [(size[0] // 2, size[1] // 2), (size[0] // 2 - 7, size[1] // 2 + 9)]:
        image = Image.new("RGB", size)
        image.paste((255, 255, 255), (x - 3, y - 3, x + 4, y + 4))
        tensor, geometry = prepare(image, 64, 8, None, mode, mean=(0, 0, 0))
        tokens = tensor.mean(0).reshape(8, 8, 8, 8).mean((1, 3)).flatten()
        nearest = np.abs(geometry.cell_centres() - (x, y)).sum(1)
        column, row = np.round(geometry.to_grid((x, y)))
        assert tokens[int(row * 8 + column)] >= 0.6 * tokens.max()
        assert nearest[int(tokens.argmax())] <= np.sort(nearest)[3]


def test_values_and_normalisation() -> None:
    tensor, _ = prepare(Image.new("RGB", (10, 10), (255, 0, 51)), 32, 8)
    assert tensor.shape == (3, 32, 32)
    assert tensor.dtype == torch.float32
    assert tensor[:, 5, 5].tolist() == pytest.approx([1, 0, 0.2])
    tensor, _ = prepare(Image.new("RGB", (10, 10), (255, 0, 51)), 32, 8, mean=(0.5, 0, 0.1), std=(0.5, 1, 0.1))
    assert tensor[:, 5, 5].tolist() == pytest.approx([1, 0, 1])


CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
channels = st.tuples(*[st.floats(0, 1)] * 3)


def every_level() -> Image.Image:
    """All 256 levels, in another order in each channel, on a square that is not resized."""
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return Image.fromarray(np.stack([levels, levels.T, levels[::-1]], axis=-1))


@given(channels, st.tuples(*[st.floats(0.01, 1)] * 3))
def test_every_level_is_normalised_as_in_double_precision(mean, std) -> None:
    tensor, _ = prepare(every_level(), 16, 8, mean=mean, std=std)
    exact = (np.asarray(every_level()) / 255 - mean) / std
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), exact.astype(np.float32))


def test_the_input_is_that_of_torchvision() -> None:
    """What timm and open_clip evaluate with, on Pillow images."""
    transforms = pytest.importorskip("torchvision.transforms")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (75, 100, 3), dtype=np.uint8))
    theirs = transforms.Compose(
        [
            transforms.Resize((64, 64), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(*CLIP),
        ]
    )
    torch.testing.assert_close(prepare(image, 64, 8, None, "squash", *CLIP)[0], theirs(image), rtol=0, atol=1e-6)


def test_reference_mode_maps_levels_to_minus_one_to_one() -> None:
    tensor, _ = prepare(every_level(), 16, 8, mean=HALF, std=HALF)
    expected = (torch.from_numpy(np.asarray(every_level()).copy()).permute(2, 0, 1) / 255 - 0.5) * 2
    torch.testing.assert_close(tensor, expected, rtol=0, atol=1e-6)
    assert (float(tensor.min()), float(tensor.max())) == (-1, 1)


def test_inputs_share_no_memory_and_are_ready_to_be_stacked() -> None:
    first, _ = prepare(every_level(), 16, 8)
    kept = first.clone()
    second, _ = prepare(every_level(), 16, 8)
    second.zero_()
    assert torch.equal(first, kept)
    assert first.is_contiguous()


def test_means_may_be_lists_and_arrays() -> None:
    wanted, _ = prepare(every_level(), 16, 8, None, "squash", *CLIP)
    for kind in (list, np.array, torch.tensor):
        mean, std = (kind(values) for values in CLIP)
        torch.testing.assert_close(prepare(every_level(), 16, 8, mean=mean, std=std)[0], wanted, rtol=0, atol=1e-6)


def test_letterbox_pads_with_the_mean_and_crop_cuts_the_middle() -> None:
    wide = Image.new("RGB", (40, 20), "white")
    padded, geometry = prepare(wide, 40, 8, resize="letterbox", mean=(0.4, 0.4, 0.4))
    assert abs(float(padded[0, 0, 0])) < 1e-6
    assert float(padded[0, 20, 20]) == pytest.approx(0.6)
    assert geometry.to_grid((19.5, 9.5)).tolist() == pytest.approx([2, 2])

    wide.paste((0, 0, 0), (0, 0, 10, 20))
    wide.paste((0, 0, 0), (30, 0, 40, 20))
    cut, _ = prepare(wide, 40, 8, resize="crop")
    assert float(cut[:, :, 2:-2].min()) > 0.97


def test_cropping_an_extreme_shape_stays_small() -> None:
    tensor, geometry = prepare(Image.new("RGB", (30_000, 2)), 224, 16, resize="crop")
    assert tensor.shape == (3, 224, 224)
    assert geometry.to_grid((14_999.5, 0.5)).tolist() == pytest.approx([6.5, 6.5])
