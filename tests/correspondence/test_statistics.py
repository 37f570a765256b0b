from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from visionlaw.correspondence.bootstrap import Bootstrap
from visionlaw.correspondence.pairs import Matches, PairTable
from visionlaw.correspondence.pck import ALPHAS, pck
from visionlaw.correspondence.statistics import compare, mcnemar, summary
from visionlaw.errors import DataError
from visionlaw.protocols import Instances

ALPHA = 0.1


@pytest.fixture(scope="module")
def table_of(kit):
    """Pairs of so many keypoints; categories and attributes in the order of the pairs."""

    def make(counts, categories=None, attributes=None) -> PairTable:
        pairs = []
        for number, count in enumerate(counts):
            points = np.zeros((count, 2))
            more = {"category": categories[number] if categories is not None else "cat"}
            more |= {"attributes": attributes[number]} if attributes is not None else {}
            pairs.append(kit.pair(number, kit.photo(0), kit.photo(1), points, points, **more))
        return PairTable(pairs)

    return make


def matches_of(table: PairTable, right) -> Matches:
    """Matches of which just those keypoints are right, ``[K]``."""
    return Matches(table, np.zeros((table.keypoints, 2)), np.where(right, 0.0, 1.0))


def first_right(table: PairTable, hits) -> Matches:
    """Matches of which each pair has so many right keypoints."""
    place = np.arange(table.keypoints) - table.starts[table.owner]
    return matches_of(table, place < np.asarray(hits)[table.owner])


@pytest.fixture(scope="module")
def world(table_of):
    """40 pairs of 1 to 9 keypoints, of three unlike categories; pairs of many keypoints are harder."""
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 10, 40)
    categories = rng.choice(["cat", "dog", "emu"], 40, p=[0.6, 0.3, 0.1])
    attributes = [{"viewpoint": int(rng.integers(3)), "kind": str(rng.choice(["word", "cell"]))} for _ in range(40)]
    table = table_of(counts, categories, attributes)
    return first_right(table, rng.binomial(counts, 0.8 - 0.05 * counts))


def test_resamples_are_as_large_as_the_data_set_and_follow_the_seed(world) -> None:
    drawn = Bootstrap.draw(world.table, resamples=200, seed=3)
    assert drawn.counts.shape == (40, 200)
    assert (drawn.counts.sum(axis=0) == 40).all()
    np.testing.assert_array_equal(drawn.counts, Bootstrap.draw(world.table, 200, seed=3).counts)
    assert (drawn.counts != Bootstrap.draw(world.table, 200, seed=4).counts).any()
    assert drawn.counts.mean(axis=1) == pytest.approx(np.ones(40), abs=0.4), "no pair is preferred"


def test_intervals_are_those_of_scipy(world) -> None:
    """Two bootstraps of 20,000 resamples, drawn apart: bounds differ by the little that is left to chance."""
    table = world.table
    shares, counts = world.shares(ALPHA), np.diff(table.starts)
    viewpoint = np.array([p.attributes["viewpoint"] for p in table.pairs])
    found = Bootstrap.draw(table, resamples=20_000).intervals(world, ALPHA)

    def macro(pairs):
        here = table.categories[pairs]
        return np.mean([shares[pairs][here == name].mean() for name in np.unique(here)])

    def of_viewpoint(pairs, wanted):
        return shares[pairs][viewpoint[pairs] == wanted].mean()

    def scipy_s(statistic, resamples=20_000, **more):
        return 100 * np.array(
            scipy.stats.bootstrap(
                (np.arange(40),), statistic, n_resamples=resamples, method="percentile", rng=1, **more
            ).confidence_interval
        )

    mean = scipy_s(lambda pairs, axis: shares[pairs].mean(axis=axis))
    micro = scipy_s(lambda p, axis: (shares * counts)[p].sum(axis=axis) / counts[p].sum(axis=axis))
    assert found.value == pytest.approx(mean, abs=0.5)
    assert found.per_keypoint == pytest.approx(micro, abs=0.5)
    assert found.per_category == pytest.approx(scipy_s(macro, 4000, vectorized=False), abs=1.0)
    expected = scipy_s(lambda p: of_viewpoint(p, 1), 4000, vectorized=False)
    assert found.attributes["viewpoint"]["1"] == pytest.approx(expected, abs=1.5)
    assert abs(found.value[0] - found.per_keypoint[0]) > 3, "else this could not tell them apart"


def test_a_resample_averages_over_what_it_holds(table_of) -> None:
    """Two resamples by hand: a, a, b and b, b, c. Category dog is missing from the first, cat from the second."""
    table = table_of([1, 2, 4], ["cat", "cat", "dog"])
    matches = first_right(table, [1, 1, 1])
    found = Bootstrap(table, np.array([[2, 0], [1, 2], [0, 1]], dtype=np.uint8)).intervals(matches, ALPHA)

    def between(low, high):
        return pytest.approx([low + 0.025 * (high - low), high - 0.025 * (high - low)])

    assert found.value == between(100 * 1.25 / 3, 100 * 2.5 / 3)
    assert found.per_keypoint == between(100 * 3 / 8, 100 * 3 / 4)
    assert found.per_category == between((50 + 25) / 2, 100 * 2.5 / 3)
    assert found.categories["cat"] == between(50, 100 * 2.5 / 3)
    assert found.categories["dog"] == (0, 100), "one pair tells nothing of others"


def test_the_order_of_pairs_does_not_matter(world) -> None:
    drawn = Bootstrap.draw(world.table, resamples=300)
    order = np.random.default_rng(0).permutation(40)
    table = PairTable([world.table.pairs[index] for index in order])
    keypoints = np.concatenate([np.arange(world.table.keypoints)[world.table.rows_of(index)] for index in order])
    shuffled = Matches(table, world.found[keypoints], world.errors[keypoints])
    one = drawn.intervals(world, ALPHA)
    other = Bootstrap(table, drawn.counts[order]).intervals(shuffled, ALPHA)
    for name in ("value", "per_keypoint", "per_category"):
        assert getattr(other, name) == pytest.approx(getattr(one, name))
    assert other.categories["dog"] == pytest.approx(one.categories["dog"])
    assert other.attributes["kind"]["word"] == pytest.approx(one.attributes["kind"]["word"])


def test_intervals_hold_the_truth_in_95_of_100_cases(table_of) -> None:
    """60 pairs of 8 keypoints, some pairs easy and some hard, 500 times: 2 standard errors are 2%.

    Percentile intervals of 60 pairs are known to hold it a little less often than they say. An interval that takes the
    480 keypoints for independent would hold it in about 70 of 100 cases.
    """
    rng = np.random.default_rng(11)
    table = table_of([8] * 60)
    drawn = Bootstrap.draw(table, resamples=500)
    held = naive = 0
    for _ in range(500):
        hits = rng.binomial(8, rng.beta(1.2, 0.8, 60))
        matches = first_right(table, hits)
        low, high = drawn.intervals(matches, ALPHA).value
        held += low <= 60 <= high
        value = hits.mean() / 8
        naive += abs(value - 0.6) <= 1.96 * np.sqrt(value * (1 - value) / 480)
    assert 0.92 <= held / 500 <= 0.97
    assert naive / 500 < 0.8


def test_the_test_of_a_difference_errs_in_5_of_100_cases(table_of) -> None:
    """Two representations of one quality on the same pairs; p and interval must say the same."""
    rng = np.random.default_rng(12)
    table = table_of([8] * 60)
    drawn = Bootstrap.draw(table, resamples=500)
    significant = 0
    for _ in range(400):
        easy = rng.beta(1.2, 0.8, 60)
        result = compare(
            first_right(table, rng.binomial(8, easy)), first_right(table, rng.binomial(8, easy)), ALPHA, drawn
        )
        low, high = result.interval
        significant += result.p <= 0.05
        assert (result.p <= 0.045) <= (low > 0 or high < 0) <= (result.p <= 0.065)
    assert 0.025 <= significant / 400 <= 0.085


def test_a_pair_is_compared_with_itself(world) -> None:
    """Representations that agree on nearly all keypoints: the difference is known far better than either C."""
    right = world.correct(ALPHA).copy()
    right[np.flatnonzero(~right)[::6]] = True
    better = matches_of(world.table, right)
    drawn = Bootstrap.draw(world.table)
    result = compare(better, world, ALPHA, drawn)
    alone = [np.subtract(*drawn.intervals(m, ALPHA).value[::-1]) for m in (better, world)]
    assert result.difference == pytest.approx(result.first - result.second)
    assert (result.first, result.second) == (
        pytest.approx(pck(better, ALPHA).value),
        pytest.approx(pck(world, ALPHA).value),
    )
    assert result.interval[0] <= result.difference <= result.interval[1]
    assert np.subtract(*result.interval[::-1]) < 0.5 * np.hypot(*alone)
    assert result.interval[0] > 0
    assert result.p < 0.01
    assert (result.keypoints.first_only, result.keypoints.second_only) == (
        int((~world.correct(ALPHA)).sum() + 5) // 6,
        0,
    )


def test_swapping_the_two_turns_the_difference_round(world) -> None:
    other = matches_of(world.table, np.random.default_rng(1).random(world.table.keypoints) < 0.5)
    drawn = Bootstrap.draw(world.table, resamples=301)
    one, turned = compare(world, other, ALPHA, drawn), compare(other, world, ALPHA, drawn)
    assert turned.difference == pytest.approx(-one.difference)
    assert turned.interval == pytest.approx([-one.interval[1], -one.interval[0]])
    assert turned.p == one.p
    assert turned.keypoints.p == one.keypoints.p


def test_the_difference_s_interval_is_scipy_s(world) -> None:
    other = matches_of(world.table, np.random.default_rng(1).random(world.table.keypoints) < 0.4)
    found = compare(world, other, ALPHA, Bootstrap.draw(world.table, resamples=20_000))
    difference = world.shares(ALPHA) - other.shares(ALPHA)
    scipy_s = scipy.stats.bootstrap((difference,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    assert found.interval == pytest.approx(100 * np.array(scipy_s.confidence_interval), abs=0.5)


def test_thirds_that_cancel_are_no_difference(table_of) -> None:
    """Differences of 1/3, 1/3 and -2/3, over and over: p counted in whole keypoints."""
    table = table_of([3] * 30)
    one, other = first_right(table, [2, 2, 0] * 10), first_right(table, [1, 1, 2] * 10)
    drawn = Bootstrap.draw(table, resamples=1000)
    sums = np.array([1, 1, -2] * 10) @ drawn.counts.astype(int)
    ties = (sums == 0).sum()
    assert ties > 20
    p = 2 * (1 + min((sums <= 0).sum(), (sums >= 0).sum())) / 1001
    result = compare(one, other, ALPHA, drawn)
    assert (result.difference, result.p) == (0, min(1, p))
    lead = first_right(table, [2, 2, 0] * 8 + [3] * 6)
    sums = np.array([1, 1, -2] * 8 + [2, 2, 1] * 2) @ drawn.counts.astype(int)
    assert compare(lead, other, ALPHA, drawn).p == 2 * (1 + (sums <= 0).sum()) / 1001 < 1


def test_a_representation_is_no_better_than_itself(world) -> None:
    result = compare(world, world, ALPHA, Bootstrap.draw(world.table, resamples=100))
    assert (result.difference, result.interval, result.p) == (0, (0, 0), 1)
    assert (result.keypoints.first_only, result.keypoints.second_only, result.keypoints.p) == (0, 0, 1)


@pytest.mark.parametrize(("pairs", "least"), [(1, 1.0), (3, 0.25), (5, 0.0625)])
def test_few_pairs_prove_nothing(table_of, pairs, least) -> None:
    """All pairs of one mind, and yet chance would have it so in 2 of 2^pairs cases."""
    table = table_of([4] * pairs)
    result = compare(first_right(table, [4] * pairs), first_right(table, [0] * pairs), ALPHA, Bootstrap.draw(table))
    assert (result.difference, result.p) == (100, least)


def test_one_pair_has_the_whole_range_for_an_interval(table_of) -> None:
    table = table_of([4], attributes=[{"kind": "word"}])
    matches, drawn = first_right(table, [3]), Bootstrap.draw(table)
    found = drawn.intervals(matches, ALPHA)
    assert found.value == found.per_keypoint == found.per_category == found.categories["cat"] == (0, 100)
    assert found.attributes == {"kind": {"word": (0, 100)}}
    assert compare(matches, first_right(table, [1]), ALPHA, drawn).interval == (-100, 100)


def test_with_one_category_macro_and_mean_are_one(table_of) -> None:
    table = table_of([3, 5, 2, 8] * 5)
    found = Bootstrap.draw(table).intervals(first_right(table, [1, 2, 2, 0] * 5), ALPHA)
    assert found.value == pytest.approx(found.per_category)
    assert found.value == pytest.approx(found.categories["cat"])
    assert found.attributes == {}


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [(1, 5, 2 * (1 + 6) / 2**6), (5, 1, 2 * 7 / 2**6), (0, 5, 2 / 2**5), (3, 3, 1.0), (0, 0, 1.0), (0, 1, 1.0)],
)
def test_mcnemar_by_hand(b, c, p) -> None:
    assert mcnemar(b, c).p == pytest.approx(p)


@pytest.mark.parametrize(("b", "c"), [(7, 19), (410, 350), (20_000, 20_500), (3, 4000)])
def test_mcnemar_is_the_exact_binomial_test(b, c) -> None:
    assert mcnemar(b, c).p == pytest.approx(scipy.stats.binomtest(b, b + c).pvalue, rel=1e-6)


CHANGES = {
    "another id": lambda p: replace(p, id="other"),
    "another image": lambda p: replace(p, target=replace(p.target, key="other")),
    "points of another seed": lambda p: replace(p, target_points=p.target_points + 1),
    "another size": lambda p: replace(p, size=61.0),
    "sizes of their own": lambda p: replace(p, size=np.array([60.0, 61.0])),
    "further positions": lambda p: replace(p, instances=Instances(np.array([0]), np.ones((1, 2)), np.ones(1))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_matches_of_different_pairs_are_not_compared(table_of, change) -> None:
    table = table_of([2, 2, 2])
    other = PairTable([*table.pairs[:2], change(table.pairs[2])])
    one, two = first_right(table, [1, 1, 1]), first_right(other, [1, 1, 1])
    with pytest.raises(DataError, match="different pairs, such as 'pair-2'"):
        compare(one, two, ALPHA, Bootstrap.draw(table))
    with pytest.raises(DataError, match="different pairs"):
        compare(one, one, ALPHA, Bootstrap.draw(other))
    with pytest.raises(DataError, match="different pairs"):
        summary(one, ALPHA, Bootstrap.draw(other))
    shorter = table_of([2, 2])
    with pytest.raises(DataError, match="of 3 and of 2 pairs"):
        compare(one, first_right(shorter, [1, 1]), ALPHA, Bootstrap.draw(table))


def test_pairs_read_twice_are_the_same_pairs(table_of) -> None:
    """As when two commands read one data set."""
    tables = table_of([2, 3]), table_of([2, 3])
    one, two = (first_right(table, [1, 2]) for table in tables)
    assert compare(one, two, ALPHA, Bootstrap.draw(tables[1])).p == 1


def test_too_few_resamples_are_refused(world) -> None:
    with pytest.raises(DataError, match="39 resamples are too few"):
        Bootstrap.draw(world.table, resamples=39)
    with pytest.raises(DataError, match="no pair with keypoints"):
        Bootstrap.draw(PairTable([]))


def test_the_summary_tells_everything_and_does_not_grow_with_the_pairs(world) -> None:
    drawn = Bootstrap.draw(world.table, resamples=100, seed=5)
    told = summary(world, ALPHA, drawn)
    assert json.loads(json.dumps(told)) == told
    main, found = pck(world, ALPHA), drawn.intervals(world, ALPHA)
    assert (told["per_keypoint"], told["per_category"]) == (main.per_keypoint, main.per_category)
    assert told["categories"] == main.categories
    assert list(told["alphas"]) == ["0.01", "0.05", "0.1", "0.15"] == [str(alpha) for alpha in ALPHAS]
    assert told["alphas"]["0.1"] == {
        "value": main.value,
        "per_keypoint": main.per_keypoint,
        "per_category": main.per_category,
    }
    intervals = told["intervals"]
    assert (intervals["level"], intervals["resamples"], intervals["seed"]) == (0.95, 100, 5)
    for name in ("value", "per_keypoint", "per_category"):
        assert intervals[name] == list(getattr(found, name))
        low, high = intervals[name]
        assert 0 <= low < getattr(main, name) < high <= 100
    assert set(intervals["categories"]) == {"cat", "dog", "emu"}
    assert {name: sum(v["pairs"] for v in values.values()) for name, values in told["breakdown"].items()} == {
        "viewpoint": 40,
        "kind": 40,
    }
    word = told["breakdown"]["kind"]["word"]
    assert word["interval"][0] < word["value"] < word["interval"][1]
    assert (told["keypoints"], told["skipped"]) == (world.table.keypoints, 0)
    twice = PairTable([replace(p, id=f"{p.id}/{n}") for n in "ab" for p in world.table.pairs], skipped=4)
    double = summary(
        Matches(twice, np.tile(world.found, (2, 1)), np.tile(world.errors, 2)), ALPHA, Bootstrap.draw(twice, 100)
    )
    assert (double["keypoints"], double["skipped"]) == (2 * told["keypoints"], 4)
    assert double["alphas"]["0.05"]["value"] == pytest.approx(told["alphas"]["0.05"]["value"])
    assert abs(len(json.dumps(double)) - len(json.dumps(told))) < 200
