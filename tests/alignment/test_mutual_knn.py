from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.alignment import mutual_knn as module
from visionlaw.alignment.mutual_knn import MutualKnnScorer, common, mutual_knn, neighbours
from visionlaw.errors import DataError

seeds = st.integers(0, 10_000)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def normal(seed: int, count: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, width)))


def rotation(seed: int, width: int) -> torch.Tensor:
    return torch.linalg.qr(normal(seed, width, width)).Q


def spelled_out(one: torch.Tensor, other: torch.Tensor, k: int) -> float:
    """Huh et al. by sets, image by image."""
    shares = []
    for i in range(len(one)):
        sets = []
        for features in (one, other):
            cosines = {j: float(torch.cosine_similarity(features[i], features[j], dim=0)) for j in range(len(one))}
            del cosines[i]
            sets.append(set(sorted(cosines, key=cosines.__getitem__)[-k:]))
        shares.append(len(sets[0] & sets[1]) / k)
    return float(np.mean(shares))


@given(seeds, st.integers(3, 14), st.integers(1, 6), st.integers(1, 6), st.data())
@settings(deadline=None, max_examples=50)
def test_it_is_the_formula_however_it_is_cut(seed, count, width, other_width, data) -> None:
    k = data.draw(st.integers(1, count - 2))
    one, other = normal(seed, count, width + 1), normal(seed + 1, count, other_width + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", data.draw(st.integers(1, 60)))
        assert mutual_knn(one, other, k) == pytest.approx(spelled_out(one, other, k), abs=1e-12)


@given(seeds, st.floats(0.01, 100))
@settings(deadline=None, max_examples=30)
def test_a_rotated_and_scaled_copy_has_all_neighbours_in_common(seed, scale) -> None:
    one = normal(seed, 30, 7)
    assert mutual_knn(one, one, 5) == 1
    assert mutual_knn(one, scale * one @ rotation(seed, 7), 5) == pytest.approx(1)
    other = normal(seed + 1, 30, 4)
    assert mutual_knn(one, other, 5) == pytest.approx(mutual_knn(other, scale * one, 5))


def test_what_is_unrelated_shares_neighbours_by_chance() -> None:
    found = mutual_knn(normal(0, 1500, 300), normal(1, 1500, 20), 10)
    assert found == pytest.approx(10 / 1499, abs=0.003)


def test_a_tie_is_shared_and_not_broken_by_position() -> None:
    """Four images of one caption: each is the neighbour of another with a chance of 1 in 3."""
    same = torch.ones(4, 3, dtype=torch.float64)
    assert neighbours(same, 1).weight == pytest.approx(np.full(12, 1 / 3))
    assert mutual_knn(same, same, 1) == pytest.approx(1 / 3)
    two_pairs = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert mutual_knn(two_pairs, two_pairs, 1) == 1
    assert mutual_knn(two_pairs, same, 1) == pytest.approx(1 / 3)


@pytest.mark.parametrize("k", [1, 4])
def test_leaving_images_out_is_what_computing_without_them_gives(k) -> None:
    one = normal(0, 25, 3)
    other = one + 0.5 * normal(1, 25, 3)
    found = common(neighbours(one, k), neighbours(other, k), k)
    for left in range(25):
        kept = torch.arange(25) != left
        assert found.without[left] == pytest.approx(mutual_knn(one[kept], other[kept], k), abs=1e-12)


def test_the_interval_is_wide_enough_for_other_draws_of_images() -> None:
    shared = normal(0, 4000, 5)
    one, other = shared + 0.5 * normal(1, 4000, 5), shared + 0.5 * normal(2, 4000, 5)
    scorer = MutualKnnScorer(k=5)
    values, widths = [], []
    for start in range(0, 4000, 100):
        part = slice(start, start + 100)
        found = scorer.prepare([other[part]])(one[part])
        low, high = found.details["interval"]
        assert low < found.value < high
        values.append(found.value)
        widths.append(high - low)
    assert 1 < np.mean(widths) / (2 * 1.96 * np.std(values)) < 1.8


def test_too_few_images_and_no_neighbours_are_refused() -> None:
    with pytest.raises(DataError, match="5 images are too few for 4 neighbours"):
        mutual_knn(normal(0, 5, 3), normal(1, 5, 3), 4)
    with pytest.raises(DataError, match="cannot have 0 neighbours"):
        MutualKnnScorer(k=0)
