from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.correspondence.pairs import Matches, PairTable
from visionlaw.correspondence.pck import breakdown, pck
from visionlaw.errors import DataError


@pytest.fixture(scope="module")
def matched(kit):
    """Matches of pairs, each (category, errors of its keypoints, attributes)."""

    def make(*pairs) -> Matches:
        made = []
        for number, (category, errors, *rest) in enumerate(pairs):
            points = np.zeros((len(errors), 2))
            more = {"category": category, "attributes": rest[0] if rest else {}}
            made.append(kit.pair(number, kit.photo(0), kit.photo(1), points, points, **more))
        errors = np.concatenate([np.array(errors, dtype=float) for _, errors, *_ in pairs] or [np.zeros(0)])
        return Matches(PairTable(made), np.zeros((len(errors), 2)), errors)

    return make


def test_the_three_averages_differ_as_they_should(matched) -> None:
    """Pairs: 1/1, 1/4 of cat and 0/1 of dog are right."""
    result = pck(matched(("cat", [0.0]), ("dog", [1]), ("cat", [0.0, 1, 1, 1])), 0.1)
    assert result.value == pytest.approx(100 * (1 + 0.25 + 0) / 3)
    assert result.per_keypoint == pytest.approx(100 * 2 / 6)
    assert result.categories == pytest.approx({"cat": 62.5, "dog": 0})
    assert result.per_category == pytest.approx(31.25)


def test_a_keypoint_on_the_circle_is_wrong(matched) -> None:
    found = matched(("cat", [0.1, 0.0999999]))
    assert pck(found, 0.1).value == 50


def test_the_breakdown_averages_over_the_pairs_of_each_value(matched) -> None:
    found = matched(
        ("cat", [0.0, 0.0], {"viewpoint": 0, "kind": "word"}),
        ("cat", [0.0, 1.0], {"viewpoint": 2, "kind": "word"}),
        ("dog", [1.0, 1.0, 1.0, 0.0], {"viewpoint": 2}),
    )
    result = breakdown(found, 0.1)
    assert list(result) == ["viewpoint", "kind"]
    assert {name: (mean.value, mean.pairs) for name, mean in result["viewpoint"].items()} == {
        "0": (100, 1),
        "2": (37.5, 2),
    }
    assert {name: (mean.value, mean.pairs) for name, mean in result["kind"].items()} == {"word": (75, 2)}
    assert breakdown(matched(("cat", [0.0])), 0.1) == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.floats(0, 0.3), min_size=1, max_size=5)), min_size=1))
def test_the_parts_make_the_whole(matched, pairs) -> None:
    """Weighted by their pairs, categories give C; so do an attribute's values when every pair has it."""
    found = matched(*((category, errors, {"n": len(errors)}) for category, errors in pairs))
    result = pck(found, 0.1)
    counts = {name: sum(category == name for category, _ in pairs) for name in result.categories}
    whole = sum(value * counts[name] for name, value in result.categories.items()) / len(pairs)
    assert whole == pytest.approx(result.value)
    by_count = breakdown(found, 0.1)["n"].values()
    assert sum(mean.pairs for mean in by_count) == len(pairs)
    assert sum(mean.value * mean.pairs for mean in by_count) / len(pairs) == pytest.approx(result.value)
    assert 0 <= pck(found, 0.05).value <= result.value <= pck(found, 0.2).value


def test_no_pairs_are_an_error(matched) -> None:
    with pytest.raises(DataError, match="no pair"):
        pck(matched(), 0.1)
