"""What the matchers find, whatever the representation: rows in, grid positions out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.correspondence.matchers import MATCHERS, TIE, Argmax, Matcher, SoftArgmax, Upsampled, matcher
from visionlaw.correspondence.reference import SoftArgmaxReference
from visionlaw.errors import DataError

grids = st.tuples(st.integers(1, 20), st.integers(1, 20))
seeds = st.integers(0, 10_000)


def rows(seed: int, grid: tuple[int, int], count: int = 5, scale: float = 1.0) -> torch.Tensor:
    """Random similarities; sixteenths, which shifting by whole numbers leaves exact."""
    values = np.random.default_rng(seed).integers(-16, 17, (count, grid[0] * grid[1]))
    return torch.tensor(scale * values / 16, dtype=torch.float32)


def row(values: list[float]) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


def peak(grid: tuple[int, int], x: int, y: int, height: float = 1.0) -> torch.Tensor:
    values = torch.zeros(1, grid[0] * grid[1])
    values[0, y * grid[1] + x] = height
    return values


def test_the_best_token_is_found_on_a_grid_that_is_wider_than_high() -> None:
    np.testing.assert_array_equal(Argmax().locate(peak((3, 5), x=4, y=1), (3, 5)), [[4.0, 1.0]])


def test_ties_go_to_the_lowest_index_and_less_than_a_tie_does_not() -> None:
    """In [0.5, 1) float32 numbers lie 6e-8 apart."""
    assert Argmax().locate(row([0.1, 0.6, 0.6, 0.3]), (2, 2)).tolist() == [[1.0, 0.0]]
    assert Argmax().locate(row([0.1, 0.6, 0.6 + TIE / 2, 0.3]), (2, 2)).tolist() == [[1.0, 0.0]]
    assert Argmax().locate(row([0.1, 0.6, 0.6 + 2 * TIE, 0.3]), (2, 2)).tolist() == [[0.0, 1.0]]
    assert Argmax().locate(torch.zeros(2, 6), (2, 3)).tolist() == [[0.0, 0.0]] * 2


def test_one_row_with_ties_leaves_the_other_rows_alone() -> None:
    both = torch.cat([peak((4, 4), 3, 2), torch.full((1, 16), 0.25), peak((4, 4), 1, 3)])
    assert Argmax().locate(both, (4, 4)).tolist() == [[3, 2], [0, 0], [1, 3]]


@given(seeds, grids)
@settings(deadline=None)
def test_the_best_token_is_the_first_that_nothing_exceeds_by_more_than_a_tie(seed, grid) -> None:
    similarity = rows(seed, grid) + torch.randint(-3, 4, (5, grid[0] * grid[1])) * TIE / 2
    for found, values in zip(Argmax().locate(similarity, grid).tolist(), similarity.numpy(), strict=True):
        close = np.flatnonzero(values >= values.max() - np.float32(TIE))
        assert found == [close[0] % grid[1], close[0] // grid[1]]


@given(seeds, grids, st.sampled_from([*map(matcher, MATCHERS), SoftArgmax(window=1, temperature=3.0)]))
@settings(deadline=None)
def test_positions_lie_on_the_grid_and_rows_do_not_know_each_other(seed, grid, chosen: Matcher) -> None:
    similarity = rows(seed, grid)
    found = chosen.locate(similarity, grid)
    assert (found.shape, found.dtype) == ((5, 2), torch.float64)
    assert (found >= 0).all()
    assert (found <= torch.tensor([grid[1] - 1, grid[0] - 1])).all()
    alone = torch.cat([chosen.locate(one[None], grid) for one in similarity])
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-12)


@given(seeds, st.integers(0, 9), st.integers(0, 7), st.sampled_from([Argmax(), SoftArgmax(), SoftArgmax(2, 0.1)]))
@settings(deadline=None)
def test_what_moves_in_the_target_is_found_moved_as_far(seed, right, down, chosen: Matcher) -> None:
    """A bump, 11 tokens from every border before and after, so that the window never reaches one."""
    grid = (40, 42)
    bump = np.random.default_rng(seed).integers(1, 9, (5, 5)) / 8
    bump[2, 2] = 2
    canvas = torch.full((2, *grid), -1.0)
    canvas[0, 12:17, 13:18] = canvas[1, 12 + down : 17 + down, 13 + right : 18 + right] = torch.tensor(bump).float()
    first, second = chosen.locate(canvas.flatten(1), grid)
    torch.testing.assert_close(second - first, torch.tensor([right, down]).double(), rtol=0, atol=1e-6)


@given(seeds, grids, st.integers(-4, 4))
@settings(deadline=None)
def test_a_constant_added_to_all_similarities_changes_nothing(seed, grid, constant) -> None:
    similarity = rows(seed, grid)
    for chosen in (Argmax(), SoftArgmax()):
        torch.testing.assert_close(chosen.locate(similarity + constant, grid), chosen.locate(similarity, grid))


@given(seeds, grids, st.integers(0, 6))
@settings(deadline=None)
def test_towards_temperature_zero_the_mean_is_the_best_token(seed, grid, window) -> None:
    """All similarities differ, by 1/1024 at the least."""
    order = np.random.default_rng(seed).permutation(grid[0] * grid[1])
    similarity = torch.tensor(order[None] / 1024, dtype=torch.float32)
    cold = SoftArgmax(window, temperature=1e-6)
    torch.testing.assert_close(cold.locate(similarity, grid), Argmax().locate(similarity, grid))
    assert SoftArgmax(0, 5.0).locate(similarity, grid).tolist() == Argmax().locate(similarity, grid).tolist()


def test_the_mean_of_two_equal_neighbours_lies_between_them_and_weights_follow_the_softmax() -> None:
    assert SoftArgmax().locate(row([0, 0, 0, 0.9, 0.9, 0]), (1, 6)).tolist() == [[pytest.approx(3.5), 0.0]]
    third = 0.5 - 0.02 * np.log(2)  # half the weight of 0.5
    found = SoftArgmax().locate(row([-9, 0.5, third, -9]), (2, 2))
    assert found[0].tolist() == [pytest.approx(2 / 3, abs=1e-5), pytest.approx(1 / 3, abs=1e-5)]


def test_tokens_beyond_the_window_have_no_weight() -> None:
    """Twelve tokens as good as the best, one further away than the window reaches; the reference's would count."""
    line = torch.full((1, 20), -1.0)
    line[0, 2], line[0, 8:] = 0.9, 0.9 - 2 * TIE
    assert SoftArgmax(window=5).locate(line, (1, 20)).tolist() == [[pytest.approx(2.0), 0.0]]
    assert SoftArgmax(window=6).locate(line, (1, 20)).tolist() == [[pytest.approx(5.0, abs=1e-3), 0.0]]


def test_the_window_is_cut_at_the_borders_and_does_not_wrap() -> None:
    """A flat similarity around the last token of a row: its neighbours are in its row, not in the next."""
    grid = (12, 12)
    similarity = peak(grid, 11, 5, 0.001)
    found = SoftArgmax(window=2, temperature=100.0).locate(similarity, grid)
    np.testing.assert_allclose(found, [[10.0, 5.0]], atol=1e-4)


def test_rows_of_no_keypoint_are_found_nowhere() -> None:
    for chosen in (*map(matcher, MATCHERS), SoftArgmaxReference()):
        assert chosen.locate(torch.zeros(0, 16), (4, 4)).shape == (0, 2)


def test_rows_are_left_as_they_are() -> None:
    similarity = rows(0, (6, 6))
    before = similarity.clone()
    for chosen in (*map(matcher, MATCHERS), SoftArgmaxReference()):
        chosen.locate(similarity, (6, 6))
        assert similarity.equal(before)


def test_a_row_that_is_not_a_number_points_to_the_first_token_and_spoils_no_other() -> None:
    similarity = torch.cat([torch.full((1, 16), torch.nan), peak((4, 4), 2, 3)])
    assert Argmax().locate(similarity, (4, 4)).tolist() == [[0, 0], [2, 3]]


def test_names_lead_to_matchers_and_only_one_wants_a_finer_grid() -> None:
    assert {name: matcher(name).name for name in MATCHERS} == {name: name for name in MATCHERS}
    assert {name: matcher(name).zoom for name in MATCHERS} == {"argmax": 1, "softargmax": 1, "upsampled": 4}
    assert Upsampled().locate(peak((8, 8), 5, 3), (8, 8)).tolist() == [[5, 3]]


def test_an_unknown_matcher_or_a_senseless_window_is_told() -> None:
    with pytest.raises(DataError, match=r"no matcher 'soft-argmax'.*'softargmax'"):
        matcher("soft-argmax")
    with pytest.raises(DataError, match="argmax, softargmax, upsampled"):
        matcher("xyz")
    for window, temperature in ((-1, 0.02), (5, 0.0), (5, float("nan"))):
        with pytest.raises(DataError, match="no mean position"):
            SoftArgmax(window, temperature)
