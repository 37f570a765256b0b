from __future__ import annotations

import numpy as np
import pytest

from visionlaw_classical.windows import halve, taper, to_tokens, window_cells, without_local_mean


@pytest.mark.parametrize(("cell", "cells"), [(16, 6), (16, 4), (4, 24), (16, 1), (8, 12)])
def test_windows_are_centred_on_their_tokens(cell: int, cells: int) -> None:
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    windows = window_cells(np.stack([columns, rows], axis=-1), 16, cell, cells)

    assert windows.shape == (16, 16, 2, cells, cells)
    centres = windows.mean(axis=(3, 4))
    for row, column in ((5, 9), (8, 4)):
        assert centres[row, column] == pytest.approx([16 * column + 7.5, 16 * row + 7.5], abs=1e-3)


def test_cells_keep_their_place_in_the_window() -> None:
    image = np.zeros((128, 128, 1), dtype=np.float32)
    image[32:48, 64:80] = 1  # the token of row 2, column 4

    windows = window_cells(image, 16, 16, 3)

    assert windows[2, 4, 0].argmax() == 4
    assert windows[3, 4, 0].argmax() == 1
    assert windows[2, 3, 0].argmax() == 5


def test_halving_averages_blocks_of_four() -> None:
    assert halve(np.arange(16, dtype=np.float32).reshape(4, 4)).tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_the_weighted_mean_is_gone() -> None:
    weights = taper(6, 1.5)
    windows = np.random.default_rng(0).random((3, 4, 2, 6, 6), dtype=np.float32) + 5

    faded = without_local_mean(windows, weights)

    assert (faded * weights).sum(axis=(3, 4)) == pytest.approx(0, abs=1e-4)


def test_the_floor_keeps_noise_small_and_tokens_of_length_one() -> None:
    features = np.zeros((1, 3, 2), dtype=np.float32)
    features[0, 1] = 0.001
    features[0, 2] = 10.0

    flat, noise, strong = to_tokens(features, floor=0.1)

    assert np.linalg.norm([flat, noise, strong], axis=1) == pytest.approx(1)
    assert flat @ noise > 0.99
    assert flat @ strong < 0.01
