"""Noise depends on the image alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from visionlaw_diffusers.noise import draw_noise, recover_pixels

SHAPE = (4, 6, 6)


def images(count: int, seed: int = 0) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3, 9, 9), dtype=np.uint8)
    return (torch.from_numpy(pixels).float() / 255 - 0.5) / 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_grey_level_is_recovered_in_every_precision(dtype: torch.dtype) -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(recover_pixels(((levels.float() / 255 - 0.5) / 0.5).to(dtype)), levels)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_precision_does_not_change_the_noise(dtype: torch.dtype) -> None:
    assert torch.equal(draw_noise(images(2).to(dtype), 2, SHAPE), draw_noise(images(2), 2, SHAPE))


@given(st.permutations(range(4)), st.integers(1, 4))
def test_neither_the_batch_nor_the_position_changes_it(order: list[int], size: int) -> None:
    batch = images(4)
    every = draw_noise(batch, 1, SHAPE)
    assert torch.equal(draw_noise(batch[order[:size]], 1, SHAPE), every[order[:size]])


def test_one_grey_level_in_one_pixel_draws_anew() -> None:
    batch = images(1)
    other = batch.clone()
    other[0, 1, 4, 4] += 2 / 255 if other[0, 1, 4, 4] < 0 else -2 / 255
    first, second = draw_noise(torch.cat([batch, other]), 1, SHAPE)
    assert abs(np.corrcoef(first.flatten(), second.flatten())[0, 1]) < 0.3


def test_a_smaller_ensemble_is_the_beginning_of_a_larger() -> None:
    assert torch.equal(draw_noise(images(2), 5, SHAPE)[:, :2], draw_noise(images(2), 2, SHAPE))


def test_it_is_standard_normal_and_independent_between_members() -> None:
    noise = draw_noise(images(3), 4, (4, 32, 32))
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    draws = np.corrcoef(noise.reshape(3 * 4 * 2, -1).numpy())
    assert np.abs(draws - np.eye(24)).max() < 0.08
