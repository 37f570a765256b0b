from __future__ import annotations

import numpy as np
import pytest
import torch

from visionlaw.correspondence.matching import locate, match
from visionlaw.correspondence.pck import Matches, check_pair, pck, read_pairs
from visionlaw.correspondence.rows import Rows
from visionlaw.errors import DataError
from visionlaw.features.geometry import Geometry


def matches(pair: str, category: str, errors: list[float]) -> Matches:
    return Matches(pair, category, np.zeros((len(errors), 2)), np.array(errors))


def test_the_three_averages_differ_as_they_should() -> None:
    """Pairs: 1/1, 1/4 of cat and 0/1 of dog are right."""
    found = [matches("a", "cat", [0.0]), matches("b", "cat", [0.0, 1, 1, 1]), matches("c", "dog", [1])]
    result = pck(found, 0.1)
    assert result.value == pytest.approx(100 * (1 + 0.25 + 0) / 3)
    assert result.per_keypoint == pytest.approx(100 * 2 / 6)
    assert result.categories == pytest.approx({"cat": 62.5, "dog": 0})
    assert result.per_category == pytest.approx(31.25)


def test_a_keypoint_on_the_circle_is_wrong(kit) -> None:
    """Tokens lie 8 px apart; with size 80 and α = 0.1 the neighbour's centre is exactly α · size away."""
    geometry = Geometry.of_resize((32, 32), (32, 32), (0, 0), 8, 8, (4, 4))
    best = torch.zeros(2, 16)
    best[0, 5] = best[1, 5] = 1
    centres = geometry.cell_centres()
    truth = np.array([centres[6], centres[6] - (0.001, 0)])
    pair = kit.pair(0, kit.photo(0), kit.photo(1), [(0, 0), (1, 1)], truth, size=80.0)
    found = match(pair, Rows(best, geometry))
    assert found.errors[0] == 0.1
    assert found.correct(0.1).tolist() == [False, True]


def test_ties_go_to_the_lowest_index_whatever_the_rounding() -> None:
    geometry = Geometry.of_resize((32, 32), (32, 32), (0, 0), 8, 8, (4, 4))
    similarity = torch.zeros(2, 16)
    similarity[0, [3, 7, 9]] = torch.tensor([0.9999999, 1.0, 0.9999999])
    similarity[1, [3, 7]] = torch.tensor([0.999, 1.0])
    assert locate(Rows(similarity, geometry)).tolist() == geometry.cell_centres()[[3, 7]].tolist()


def test_no_pairs_are_an_error() -> None:
    with pytest.raises(DataError, match="no pair"):
        pck([], 0.1)


@pytest.mark.parametrize(
    ("points", "truth", "size", "says"),
    [
        ([(1, 1)], [(1, 1), (2, 2)], 10.0, "shapes"),
        ([(1, np.nan)], [(1, 1)], 10.0, "not finite"),
        ([(1, 1)], [(1, np.inf)], 10.0, "not finite"),
        ([(1, 1)], [(1, 1)], 0.0, "size 0.0"),
        ([(1, 1)], [(1, 1)], float("nan"), "size nan"),
    ],
)
def test_a_malformed_pair_is_named(kit, points, truth, size, says) -> None:
    with pytest.raises(DataError, match=says) as caught:
        check_pair(kit.pair(7, kit.photo(0), kit.photo(1), points, truth, size=size))
    assert "pair-7" in caught.value.message


@pytest.mark.parametrize("given", [None, "pair", 3])
def test_what_is_no_pair_is_named(given: object) -> None:
    with pytest.raises(DataError, match=f"gave {type(given).__name__} where a Pair is expected"):
        read_pairs([given])
