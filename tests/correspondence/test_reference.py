"""The ``reference`` protocol: each step by hand, and all together against a plain version of the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from visionlaw.correspondence.definitions import Reference
from visionlaw.correspondence.matchers import Argmax
from visionlaw.correspondence.pairs import Matches, PairTable
from visionlaw.correspondence.reference import (
    SIDE,
    SoftArgmaxReference,
    frame_scale,
    from_frame,
    pixels,
    source_cells,
    to_frame,
)
from visionlaw.correspondence.rows import cosines
from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner

sizes = st.tuples(st.integers(8, 3000), st.integers(8, 3000))
seeds = st.integers(0, 10_000)


# Step 1


@pytest.mark.parametrize(
    ("size", "scale", "shift"),
    [
        ((500, 375), 1.68, (0, 105)),  # landscape: 840·375/500 = 630, 210 to spare
        ((375, 500), 1.68, (105, 0)),  # portrait
        ((420, 420), 2.0, (0, 0)),
        ((500, 333), 1.68, (0, 140)),  # 559.44 → 559; 281/2 = 140.5 → 140
        ((1680, 1001), 0.5, (0, 170)),  # 500.5 → 500, the even one; 340/2
        ((1680, 1003), 0.5, (0, 169)),  # 501.5 → 502, the even one; 338/2
        ((1001, 1680), 0.5, (170, 0)),
        ((1000, 999), 0.84, (0, 0)),  # 839.16 → 839; 1/2 → 0
        ((2000, 1999), 0.42, (0, 0)),  # 839.58 → 840
    ],
)
def test_step_1_images_are_scaled_to_840_and_centred_by_whole_pixels(size, scale, shift) -> None:
    found = to_frame([(0, 0), (100, 10)], size)
    assert found.dtype == np.float32
    expected = np.array([(0, 0), (100, 10)], np.float32) * np.float32(scale) + np.array(shift, np.float32)
    np.testing.assert_array_equal(found, expected)


def test_step_1_is_in_single_precision() -> None:
    """Around 837 float32 numbers lie 6e-5 apart: the product of the rounded numbers is rounded again."""
    ours = to_frame([(333, 0)], (334, 334))[0, 0]
    assert ours == np.float32(333) * np.float32(840 / 334)
    assert float(ours) != 333 * 840 / 334


@given(st.lists(sizes, min_size=1, max_size=6), seeds)
@settings(deadline=None)
def test_step_1_of_many_images_at_once_is_that_of_each_and_can_be_undone(images, seed) -> None:
    points = np.random.default_rng(seed).uniform(0, 1, (len(images), 2)) * images
    together = to_frame(points, images)
    alone = np.concatenate([to_frame([p], size) for p, size in zip(points, images, strict=True)])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(from_frame(together, images), points, atol=1e-3 * max(map(max, images)) / SIDE)
    np.testing.assert_array_equal(from_frame(together[:1], images[0]), from_frame(together, images)[:1])


@given(sizes)
def test_step_1_keeps_images_inside_the_frame(size) -> None:
    corners = to_frame([(0, 0), (size[0] - 1, size[1] - 1)], size)
    assert ((corners >= 0) & (corners < SIDE)).all()


# Step 2


def test_step_2_sizes_are_measured_in_the_frame() -> None:
    """A box of 100 × 250 in a 375 × 500 image: T = 250 · 1.68 = 420."""
    assert 250 * frame_scale((375, 500)) == pytest.approx(420)
    np.testing.assert_allclose(frame_scale([(500, 375), (375, 500), (840, 840), (1680, 9)]), [1.68, 1.68, 1.0, 0.5])


# Step 3


def cosine(descriptors: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return cosines(descriptors, tokens, Reference.added_length)


def test_step_3_divides_by_the_lengths_plus_a_little() -> None:
    """(3, 4) · 1e-10 has the length 5e-10, and 5e-10 / (5e-10 + 1e-10) = 5/6."""
    tokens = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3e-10, 4e-10]])
    expected = torch.tensor([[1, 0, 5 / 6], [0, 0, 0], [5 / 6, 0, 25 / 36]])
    torch.testing.assert_close(cosine(tokens, tokens), expected)
    assert cosine(tokens.half(), tokens.half()).dtype == torch.float32


@given(seeds)
@settings(deadline=None)
def test_step_3_of_a_combination_is_half_the_sum_of_its_parts_cosines(seed) -> None:
    """The authors normalise each part, concatenate, and normalise again."""
    generator = torch.Generator().manual_seed(seed)
    sides = [[torch.randn(9, c, generator=generator) for c in (5, 12)] for _ in range(2)]
    units = [[part / (part.norm(dim=1, keepdim=True) + 1e-10) for part in side] for side in sides]
    summed = ConcatCombiner().combine_rows([cosine(s, t) for s, t in zip(*sides, strict=True)])
    torch.testing.assert_close(cosine(*(torch.cat(parts, dim=1) for parts in units)), summed, rtol=0, atol=1e-6)


# Step 4


def test_step_4_positions_are_truncated_to_cells() -> None:
    """P = 16: a cell is 52.5 wide. P = 24: 35, where (34.99, 35) is in the first column and the second row."""
    points = [(0, 0), (52.4, 0), (52.6, 0), (0, 52.6), (839.9, 839.9), (420, 105)]
    assert source_cells(points, 16).tolist() == [0, 0, 1, 16, 255, 2 * 16 + 8]
    assert source_cells([(34.99, 35.0), (839.9, 0)], 24).tolist() == [24, 23]
    assert source_cells(points, 16).dtype == np.int64


def test_step_4_a_keypoint_in_the_padding_has_a_cell_there_all_the_same() -> None:
    """A 500 × 250 image fills rows 210 to 630 of the frame: its first row of pixels is in the fifth row of cells."""
    assert source_cells(to_frame([(0, 0)], (500, 250)), 16).tolist() == [4 * 16]


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (500, 500), (334, 251), (1, 1)])
@pytest.mark.parametrize("cells", [14, 16, 24, 32])
def test_step_4_the_last_pixel_is_in_the_last_cell_of_the_image(size, cells) -> None:
    x, y = to_frame([(size[0] - 1, size[1] - 1)], size)[0].tolist()
    assert source_cells([(x, y)], cells).tolist() == [int(cells * y / SIDE) * cells + int(cells * x / SIDE)]


def test_step_4_what_lies_outside_the_frame_takes_the_cell_at_its_border() -> None:
    assert source_cells([(-0.5, -60.0), (840.0, 0.0), (0.0, 900.0)], 16).tolist() == [0, 15, 240]


# Step 5


def located(similarity: torch.Tensor, cells: int) -> list[float]:
    return SoftArgmaxReference().locate(similarity.reshape(1, -1), (cells, cells))[0].tolist()


def test_step_5_what_is_outside_the_window_counts_as_zero() -> None:
    """Best at (0, 0) with 0.06, all else 0: e^3 = 20.0855 against 255 ones, outside the window or not.

    x̂ = Σx/(255 + e^3) = 1920/275.0855 = 6.97965: far from 0, where -∞ outside would leave 1.98.
    """
    similarity = torch.zeros(16, 16)
    similarity[0, 0] = 0.06
    expected = 1920 / (255 + math.exp(3))
    assert located(similarity, 16) == [pytest.approx(expected, abs=2e-6)] * 2
    similarity[6:, :] = similarity[:, 6:] = 0.05  # outside: multiplied by zero
    assert located(similarity, 16) == [pytest.approx(expected, abs=2e-6)] * 2
    similarity[5, 5] = 0.06  # inside: counts, the first of the two is the best
    both = (1920 + 5 * (math.exp(3) - 1)) / (254 + 2 * math.exp(3))
    assert located(similarity, 16) == [pytest.approx(both, abs=2e-6)] * 2


def test_step_5_a_high_similarity_is_found_where_it_is_and_two_neighbours_between_them() -> None:
    similarity = torch.zeros(16, 16)
    similarity[3, 12] = 1.0
    assert located(similarity, 16) == [pytest.approx(12, abs=2e-6), pytest.approx(3, abs=2e-6)]
    similarity[4, 12] = 1.0
    assert located(similarity, 16) == [pytest.approx(12, abs=2e-6), pytest.approx(3.5, abs=2e-6)]


def test_step_5_negative_similarities_send_the_match_away_from_the_best() -> None:
    """All of -0.5 but -0.4 at (0, 0): zeros outside win. Of 16·16 - 6·6 = 220 tokens, x̂ = (1920 - 6·15)/220 = 8.318."""
    similarity = torch.full((16, 16), -0.5)
    similarity[0, 0] = -0.4
    assert located(similarity, 16) == [pytest.approx(1830 / 220, abs=1e-5)] * 2


def test_step_5_where_the_window_holds_the_whole_grid_nothing_counts_as_zero() -> None:
    similarity = torch.full((4, 4), -1.0)
    similarity[2, 1] = -0.6
    assert located(similarity, 4) == [pytest.approx(1, abs=2e-6), pytest.approx(2, abs=2e-6)]


def test_step_5_of_equal_similarities_the_first_is_the_best_however_close_the_others() -> None:
    """5e-7 less is a tie under ``strict``, and none here: the window moves to the higher one."""
    line = torch.zeros(1, 24 * 24)
    line[0, 24 * 2 + 2], line[0, 24 * 20 + 20] = 0.9, 0.9 + 5e-7
    assert located(line, 24) == [pytest.approx(20, abs=1e-5)] * 2
    assert Argmax().locate(line, (24, 24)).tolist() == [[2, 2]]
    line[0, 24 * 2 + 2] = line[0, 24 * 20 + 20]
    assert located(line, 24) == [pytest.approx(2, abs=1e-5)] * 2


def test_step_5_needs_a_square_grid() -> None:
    with pytest.raises(DataError, match="square grid of tokens, not 16×24"):
        SoftArgmaxReference().locate(torch.zeros(1, 384), (16, 24))


def test_a_grid_that_is_not_square_is_refused_before_anything_is_encoded() -> None:
    with pytest.raises(DataError, match="square grid of tokens, not 16×24") as caught:
        Reference().grid([(16, 24), (14, 14)])
    assert "--protocol strict" in caught.value.remedy


# Step 6


@pytest.mark.parametrize(
    ("cells", "stride", "half"),
    [(16, 52.5, 26.0), (24, 35.0, 17.0), (14, 60.0, 30.0), (32, 26.25, 13.0), (60, 14.0, 7.0)],
)
def test_step_6_cells_become_pixels_by_floor_division(cells, stride, half) -> None:
    positions = np.array([(0, 0), (1, cells - 1), (2.5, 0.5)])
    found = pixels(positions, cells)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, positions * stride + half)
    np.testing.assert_array_equal(pixels(torch.tensor(positions), cells), found)


# Step 7


def test_step_7_pairs_weigh_the_same_and_the_distance_must_be_less_than_the_threshold(kit) -> None:
    """A box of 100 in 500 × 250 is 168 wide in the frame: 16.7 pixels are within a tenth of it, 16.9 are not.

    Half of the first pair's keypoints and all of the second's: 75%, though 2 of 3 keypoints are right.
    """
    image, truth, size = (500, 250), np.array([(10, 20), (400, 200), (7, 7)]), 100
    found = to_frame(truth, image) + np.array([(16.7, 0), (0, -16.9), (0, 0)])
    errors = np.linalg.norm(found - to_frame(truth, image), axis=1) / (size * frame_scale(image))
    image = kit.photo(0, image)
    pairs = [kit.pair(n, image, image, truth[rows], truth[rows], size=100.0) for n, rows in enumerate([[0, 1], [2]])]
    shares = Matches(PairTable(pairs), found, errors).shares(0.1)
    assert shares.tolist() == [0.5, 1.0]
    assert shares.mean() == 0.75


# All steps against the definition


def plain(source: torch.Tensor, target: torch.Tensor, kps: list[list[float]], size: tuple[int, int], cells: int):
    """Find the keypoints of one pair by the whole [P², P²] matrix, keypoint by keypoint, in float32 as defined."""
    unit = [f / (f.norm(dim=-1, keepdim=True) + 1e-10) for f in (source, target)]
    matrix = unit[0] @ unit[1].T
    (width, height), scale = size, SIDE / max(size)
    found = []
    for x, y in torch.tensor(kps, dtype=torch.float32) * scale:
        if height < width:
            y = y + int((SIDE - int(np.around(SIDE * height / width))) / 2)
        if width < height:
            x = x + int((SIDE - int(np.around(SIDE * width / height))) / 2)
        line = matrix[cells * int(cells / SIDE * y) + int(cells / SIDE * x)]
        best_y, best_x = divmod(int(line.argmax()), cells)
        kept = torch.zeros(cells, cells)
        for row in range(max(0, best_y - 5), min(cells, best_y + 6)):
            for column in range(max(0, best_x - 5), min(cells, best_x + 6)):
                kept[row, column] = line[row * cells + column]
        p = torch.softmax(kept.flatten() / 0.02, dim=0).view(cells, cells)
        along = torch.arange(cells, dtype=torch.float32)
        at = torch.stack([(p.sum(0) * along).sum(), (p.sum(1) * along).sum()]).clamp(0, cells - 1)
        found.append((at * (SIDE / cells) + (SIDE / cells) // 2).tolist())
    return np.array(found)


@given(seeds, sizes, st.sampled_from([4, 14, 16, 24]), st.sampled_from([4, 16, 64]))
@settings(deadline=None, max_examples=40)
def test_rows_alone_find_what_the_whole_matrix_finds(seed, size, cells, channels) -> None:
    """Few channels: high similarities; many: low ones, where the zeros outside weigh. To 0.005 of the 840 pixels:
    a similarity's last bit is 3e-6 of its weight. Where the best two differ by no more than that, either is right.
    """
    rng = np.random.default_rng(seed)
    source, target = (torch.tensor(rng.normal(size=(cells**2, channels)), dtype=torch.float32) for _ in range(2))
    points = np.floor(rng.uniform(0, 1, (7, 2)) * size)
    chosen = source_cells(to_frame(points, size), cells)
    rows = cosine(source[chosen], target)
    assume(float((rows.topk(2).values @ torch.tensor([1.0, -1.0])).min()) > 1e-5)
    found = pixels(SoftArgmaxReference().locate(rows, (cells, cells)), cells)
    expected = plain(source, target, points.tolist(), size, cells)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)


# The ceiling


def ceiling(image: tuple[int, int], cells: int, consistent: bool) -> float:
    """The share of keypoints right at α = 0.1 for an oracle, whose tokens name the place they show (one-hot cells).

    The target is the image mirrored and turned from landscape to portrait, or back; the object spans its middle half.
    Features are squashed while keypoints are letterboxed, as the protocol has it; or both are letterboxed (consistent).
    """
    rng = np.random.default_rng(0)
    points = np.floor((0.25 + 0.5 * rng.uniform(0, 1, (400, 2))) * image)
    truth = np.stack([image[0] - 1 - points[:, 0], points[:, 1]], axis=1)
    target_size = (image[1], image[0]) if image[0] != image[1] else image
    truth = truth / image * target_size
    size = 0.5 * max(target_size) * frame_scale(target_size)

    read = source_cells(to_frame(points, image), cells)
    shown = _content(read, image, cells, consistent)  # where in the image, 0 to 1, the token read looks
    mirrored = np.stack([1 - shown[:, 0], shown[:, 1]], axis=1)
    matched = _cell_of(mirrored, target_size, cells, consistent)
    similarity = torch.eye(cells**2)[matched]
    found = pixels(SoftArgmaxReference().locate(similarity, (cells, cells)), cells)
    return float((np.linalg.norm(found - to_frame(truth, target_size), axis=1) < 0.1 * size).mean())


def _content(tokens: np.ndarray, image: tuple[int, int], cells: int, consistent: bool) -> np.ndarray:
    centres = (np.stack([tokens % cells, tokens // cells], axis=1) + 0.5) / cells
    return (from_frame(centres * SIDE, image) + 0.5) / image if consistent else centres


def _cell_of(places: np.ndarray, image: tuple[int, int], cells: int, consistent: bool) -> np.ndarray:
    frame = to_frame(places * image - 0.5, image) if consistent else (places * SIDE).astype(np.float32)
    return source_cells(frame, cells)


@pytest.mark.parametrize("image", [(500, 333), (333, 500)])
def test_a_perfect_matcher_loses_under_the_mismatch_of_squashed_features_and_letterboxed_keypoints(image) -> None:
    """From portrait to landscape or back."""
    assert ceiling(image, 24, consistent=True) > 0.99
    assert ceiling(image, 24, consistent=False) < 0.6


def test_on_square_images_a_perfect_matcher_loses_nothing_but_what_the_grid_costs() -> None:
    for cells in (8, 16, 24):
        assert ceiling((480, 480), cells, consistent=False) == ceiling((480, 480), cells, consistent=True)
    assert ceiling((480, 480), 24, consistent=False) == 1.0
    assert ceiling((480, 480), 8, consistent=False) < 1.0
