from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.correspondence import subsets
from visionlaw.correspondence.matchers import Argmax, SoftArgmax
from visionlaw.correspondence.subsets import locate_all
from visionlaw.features.combine import ConcatCombiner

GRID = (3, 5)


def rows(count: int, number: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, GRID[0] * GRID[1], generator=generator) * 2 - 1 for _ in range(number)]


@given(
    st.sets(st.sets(st.integers(0, 5), min_size=1).map(sorted).map(tuple), min_size=1),
    st.randoms(use_true_random=False),
    st.integers(1, 40),
    st.integers(1, 7),
)
@settings(deadline=None)
def test_any_combinations_in_any_order_are_those_of_their_combined_rows(paths, random, count, block) -> None:
    """To the bit: the walk adds in the order in which the combiner does, however blocks are cut."""
    paths = random.sample(sorted(paths), len(paths))
    parts = rows(count, 6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subsets, "BLOCK", block * parts[0].shape[1])
        found = locate_all(paths, parts, GRID, SoftArgmax(), ConcatCombiner())
    for path, cells in zip(paths, found, strict=True):
        combined = parts[path[0]] if len(path) == 1 else ConcatCombiner().combine_rows([parts[p] for p in path])
        assert torch.equal(cells, SoftArgmax().locate(combined, GRID).float())


def test_parts_are_left_as_they_were() -> None:
    parts, kept = rows(9, 4), rows(9, 4)
    paths = [path for size in range(1, 5) for path in itertools.combinations(range(4), size)]
    locate_all(paths, parts, GRID, Argmax(), ConcatCombiner())
    assert all(torch.equal(a, b) for a, b in zip(parts, kept, strict=True))


def test_each_combination_takes_one_addition(monkeypatch) -> None:
    """All 2^N - 1 subsets differ by one encoder from one that came before."""
    added = []
    add = torch.add
    monkeypatch.setattr(torch, "add", lambda *args, **more: added.append(1) or add(*args, **more))
    paths = [path for size in range(1, 7) for path in itertools.combinations(range(6), size)]
    locate_all(paths, rows(4, 6), GRID, Argmax(), ConcatCombiner())
    assert len(added) == 2**6 - 1 - 6


class Loudest(ConcatCombiner):
    """A combiner of another kind: the part of the highest similarity wins."""

    def combine_rows(self, rows):
        return torch.stack(list(rows)).amax(dim=0)


def test_a_combiner_that_is_no_mean_is_asked_for_every_combination() -> None:
    parts = rows(12, 3)
    paths = [(0,), (0, 1), (0, 1, 2), (1, 2)]
    found = locate_all(paths, parts, GRID, Argmax(), Loudest())
    for path, cells in zip(paths, found, strict=True):
        expected = torch.stack([parts[part] for part in path]).amax(dim=0)
        assert torch.equal(cells, Argmax().locate(expected, GRID).float())
