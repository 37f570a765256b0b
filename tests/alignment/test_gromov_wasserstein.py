from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.alignment.gromov_wasserstein import distances, gromov_wasserstein
from visionlaw.errors import DataError, MissingDependencyError

seeds = st.integers(0, 10_000)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def normal(seed: int, count: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, width)))


@given(seeds, st.integers(3, 12), st.integers(1, 8), st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_an_isometric_copy_is_at_distance_zero(seed, count, width, scale) -> None:
    one = normal(seed, count, width)
    copy = scale * one @ torch.linalg.qr(normal(seed + 1, width, width)).Q + 5
    found = gromov_wasserstein(one, copy)
    assert found.value == pytest.approx(0, abs=1e-7)
    assert found.paired == pytest.approx(0, abs=1e-7)


def test_it_finds_the_partners_of_a_copy_in_another_order() -> None:
    one = normal(0, 40, 6)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    found = gromov_wasserstein(one, one[order])
    assert found.value == pytest.approx(0, abs=1e-7)
    assert found.paired > 0.2
    assert found.matched == pytest.approx(float((order == torch.arange(40)).double().mean()), abs=1e-6)
    assert gromov_wasserstein(one, one + 0.01 * normal(1, 40, 6)).matched == pytest.approx(1)


def test_it_is_never_above_the_true_pairing_and_mostly_near_the_best_one() -> None:
    """Five images have 120 pairings; descent from two starts misses the best one now and then, and is told to."""
    missed = []
    for seed in range(0, 40, 2):
        one, other = normal(seed, 5, 3), normal(seed + 1, 5, 2)
        d, e = distances(one), distances(other)
        best = min(np.sqrt(np.mean((d - e[np.ix_(o, o)]) ** 2)) for o in map(list, itertools.permutations(range(5))))
        found = gromov_wasserstein(one, other)
        assert found.paired == pytest.approx(np.sqrt(np.mean((d - e) ** 2)))
        assert found.value <= found.paired + 1e-9
        missed.append(found.value - best)
    assert np.median(missed) < 0.05


def test_the_less_noise_the_closer() -> None:
    one = normal(0, 40, 5)
    found = [gromov_wasserstein(one, one + noise * normal(1, 40, 5)).value for noise in (0.05, 0.2, 0.5, 1)]
    assert found == sorted(found)


def test_what_has_no_distances_is_refused_and_a_missing_library_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="the same for all images"):
        gromov_wasserstein(torch.ones(4, 3), normal(0, 4, 3))
    monkeypatch.setitem(sys.modules, "ot.gromov", None)
    with pytest.raises(MissingDependencyError, match=r"visionlaw\[transport\]"):
        gromov_wasserstein(normal(0, 4, 3), normal(1, 4, 3))
