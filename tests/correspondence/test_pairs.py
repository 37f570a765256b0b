from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visionlaw.correspondence.groups import MOST_VALUES
from visionlaw.correspondence.pairs import Matches, PairTable, check_pair, read_pairs
from visionlaw.errors import DataError, PluginError
from visionlaw.protocols import Instances


@pytest.fixture
def pair(kit):
    """Make a pair of so many keypoints; its further positions as (keypoint, x, y, size)."""

    def make(number: int, count: int, instances=(), **more):
        points = 10.0 * number + np.arange(2 * count).reshape(count, 2)
        if instances:
            keypoint, x, y, size = (np.array(column) for column in zip(*instances, strict=True))
            found = Instances(keypoint.astype(np.int64), np.stack([x, y], 1).astype(float), size.astype(float))
            more["instances"] = found
        return kit.pair(number, kit.photo(0), kit.photo(1), points, points + 1, **more)

    return make


def test_keypoints_are_laid_end_to_end(pair) -> None:
    table = PairTable([pair(0, 2), pair(1, 1), pair(2, 3)])
    assert (len(table), table.keypoints) == (3, 6)
    assert table.starts.tolist() == [0, 2, 3, 6]
    assert table.owner.tolist() == [0, 0, 1, 2, 2, 2]
    assert [table.rows_of(index) for index in range(3)] == [slice(0, 2), slice(2, 3), slice(3, 6)]


def test_shares_are_of_each_pair_s_own_keypoints(pair) -> None:
    table = PairTable([pair(0, 2), pair(1, 1), pair(2, 3)])
    errors = np.array([0.0, 0.1, 0.09, 0.2, 0.0, 0.3])
    matches = Matches(table, np.zeros((6, 2)), errors)
    assert matches.correct(0.1).tolist() == [True, False, True, False, True, False], "on the circle is wrong"
    assert matches.shares(0.1) == pytest.approx([1 / 2, 1, 1 / 3])


def test_true_positions_count_keypoints_over_all_pairs(pair) -> None:
    """A word that stands three times: its keypoint, the second of the second pair, has two more positions."""
    sizes = np.array([5.0, 6.0])
    table = PairTable([pair(0, 2, size=4.0), pair(1, 2, [(1, 70, 71, 8), (1, 80, 81, 9)], size=sizes), pair(2, 1)])
    truth = table.truth
    assert truth.keypoint.tolist() == [0, 1, 2, 3, 4, 3, 3]
    assert truth.points[:5].tolist() == [[1, 2], [3, 4], [11, 12], [13, 14], [21, 22]]
    assert truth.points[5:].tolist() == [[70, 71], [80, 81]]
    assert truth.size.tolist() == [4, 4, 5, 6, 60, 8, 9]


@pytest.mark.parametrize(
    ("points", "truth", "more", "says"),
    [
        ([(1, 1)], [(1, 1), (2, 2)], {}, "shapes"),
        ([(1, np.nan)], [(1, 1)], {}, "not finite"),
        ([(1, 1)], [(1, np.inf)], {}, "not finite"),
        ([(1, 1)], [(1, 1)], {"size": 0.0}, "size 0.0"),
        ([(1, 1)], [(1, 1)], {"size": float("nan")}, "size nan"),
        ([(1, 1), (2, 2)], [(1, 1), (2, 2)], {"size": np.array([1.0])}, r"2 keypoints, but sizes of shape \(1,\)"),
        ([(1, 1), (2, 2)], [(1, 1), (2, 2)], {"size": np.array([1.0, -2.0])}, "size -2.0"),
    ],
)
def test_a_malformed_pair_is_named(kit, points, truth, more, says) -> None:
    with pytest.raises(DataError, match=says) as caught:
        check_pair(kit.pair(7, kit.photo(0), kit.photo(1), points, truth, **more))
    assert "pair-7" in caught.value.message


@pytest.mark.parametrize(
    ("keypoint", "points", "size", "says"),
    [
        ([0, 1], [(1, 1)], [3.0, 3.0], "differ in length"),
        ([0], [(1, 1)], [3.0, 3.0], "differ in length"),
        ([2], [(1, 1)], [3.0], "a keypoint it does not have"),
        ([-1], [(1, 1)], [3.0], "a keypoint it does not have"),
        ([1.0], [(1, 1)], [3.0], "in float64, not in whole numbers"),
        ([True], [(1, 1)], [3.0], "in bool, not in whole numbers"),
        ([], [], [], "in float64, not in whole numbers"),
        ([1], [(np.nan, 1)], [3.0], "not finite"),
        ([1], [(1, 1)], [0.0], "size 0.0"),
    ],
)
def test_malformed_further_positions_are_named(pair, keypoint, points, size, says) -> None:
    found = Instances(np.array(keypoint), np.array(points, dtype=float).reshape(-1, 2), np.array(size))
    with pytest.raises(DataError, match=says) as caught:
        check_pair(replace(pair(7, 2), instances=found))
    assert "pair-7" in caught.value.message


def test_pairs_with_further_positions_and_sizes_of_their_own_are_fine(pair) -> None:
    check_pair(pair(0, 2, [(0, 1, 1, 2), (1, 1, 1, 2), (0, 3, 3, 2)], size=np.array([1.0, 2.0])))
    check_pair(pair(0, 1, size=3))
    empty = Instances(np.zeros(0, dtype=np.int64), np.zeros((0, 2)), np.zeros(0))
    check_pair(replace(pair(0, 1), instances=empty))


@pytest.mark.parametrize("dtype", [np.int8, np.uint64])
def test_any_integers_count_keypoints(pair, dtype) -> None:
    found = Instances(np.array([0], dtype=dtype), np.ones((1, 2)), np.ones(1))
    truth = PairTable([pair(0, 200), check_pair(replace(pair(1, 1), instances=found))]).truth
    assert truth.keypoint.dtype == np.int64
    assert truth.keypoint[-1] == 200


def test_pairs_without_keypoints_are_left_out_and_counted(pair) -> None:
    table = read_pairs([pair(0, 2), pair(1, 0), pair(2, 1), pair(3, 0)])
    assert [p.id for p in table.pairs] == ["pair-0", "pair-2"]
    assert table.skipped == 2
    for nothing in ([], [pair(1, 0)]):
        with pytest.raises(DataError, match="no pair with keypoints") as caught:
            read_pairs(nothing)
        assert "visionlaw dataset check" in caught.value.remedy


@pytest.mark.parametrize("given", [None, "pair", 3])
def test_what_is_no_pair_is_named(given: object) -> None:
    with pytest.raises(DataError, match=f"gave {type(given).__name__} where a Pair is expected"):
        read_pairs([given])


def test_a_data_set_that_fails_while_it_is_read_is_a_plugin_s_failure(pair) -> None:
    def fail():
        yield pair(0, 1)
        raise KeyError("annotation 3")

    with pytest.raises(PluginError, match="Reading the image pairs failed: KeyError: 'annotation 3'"):
        read_pairs(fail())


def grouped(pair, values) -> dict[str, list[int]]:
    """The groups of an attribute that takes these values: name → pairs. None: the pair lacks it."""
    given = [{} if value is None else {"kind": value} for value in values]
    table = PairTable([pair(index, 1, attributes=attributes) for index, attributes in enumerate(given)])
    if "kind" not in table.by_attribute:
        return {}
    groups = table.by_attribute["kind"]
    return {name: np.flatnonzero(groups.member == index).tolist() for index, name in enumerate(groups.names)}


def test_each_value_of_an_attribute_is_a_group(pair) -> None:
    assert grouped(pair, ["b", "a", "b"]) == {"a": [1], "b": [0, 2]}
    assert grouped(pair, [2, 10, 2, 1]) == {"1": [3], "2": [0, 2], "10": [1]}, "numbers in their order"
    assert grouped(pair, [0.5, 1.0, 0.25, 1]) == {"0.25": [2], "0.5": [0], "1": [1, 3]}


def test_pairs_that_lack_an_attribute_are_in_none_of_its_groups(pair) -> None:
    assert grouped(pair, [None, "a", None]) == {"a": [1]}
    assert grouped(pair, [1, None, float("nan"), float("inf"), 2]) == {"1": [0], "2": [4]}
    assert grouped(pair, [float("nan")] * 3) == {}
    assert grouped(pair, [1, 10**400, -(10**400)]) == {"1": [0]}, "beyond what a float holds"


def test_many_numbers_are_cut_at_their_quartiles_and_many_words_left_out(pair) -> None:
    many = np.random.default_rng(0).permutation(4 * 25) - 50.5
    found = grouped(pair, many.tolist())
    assert list(found) == ["-50.5 to -26.5", "-25.5 to -1.5", "-0.5 to 23.5", "24.5 to 48.5"]
    assert [len(members) for members in found.values()] == [25] * 4
    assert all(many[index] <= -26.5 for index in found["-50.5 to -26.5"])
    words = [f"word {index}" for index in range(MOST_VALUES + 1)]
    assert grouped(pair, words) == {}
    assert len(grouped(pair, words[1:])) == MOST_VALUES


def test_up_to_twenty_numbers_have_a_group_each(pair) -> None:
    assert list(grouped(pair, list(range(MOST_VALUES)))) == [str(number) for number in range(MOST_VALUES)]
    assert len(grouped(pair, list(range(MOST_VALUES + 1)))) == 4


def test_numbers_that_their_names_cannot_tell_apart_share_a_group(pair) -> None:
    assert grouped(pair, [0.1 + 0.2, 0.3, 0.4]) == {"0.3": [0, 1], "0.4": [2]}


def test_a_crowd_at_one_number_is_one_range(pair) -> None:
    """Quartiles coincide where more than half of the pairs have one value."""
    found = grouped(pair, [0.0] * 80 + list(range(1, 41)))
    assert sum(len(members) for members in found.values()) == 120
    assert next(iter(found)) == "0"
    assert len(found["0"]) == 80
