from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.alignment.cka import CkaScorer, Kernel, cka, hsic
from visionlaw.errors import DataError

seeds = st.integers(0, 10_000)
shapes = st.tuples(st.integers(5, 12), st.integers(2, 40), st.integers(2, 6))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def normal(seed: int, count: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, width)))


def rotation(seed: int, width: int) -> torch.Tensor:
    return torch.linalg.qr(normal(seed, width, width)).Q


def published(one: torch.Tensor, other: torch.Tensor) -> float:
    """Kornblith et al. 2019, eq. 4, by kernels that are centred as matrices."""
    n = len(one)
    centring = np.eye(n) - 1 / n
    k, m = (centring @ (f @ f.T).numpy() @ centring for f in (one, other))
    return float((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()))


def by_quadruples(one: torch.Tensor, other: torch.Tensor) -> float:
    """What HSIC is the mean of: products of second differences, over all quadruples of different images."""
    k, m = (one @ one.T).numpy(), (other @ other.T).numpy()
    return float(
        np.mean(
            [
                (k[a, b] + k[c, d] - k[a, c] - k[b, d]) * (m[a, b] + m[c, d] - m[a, c] - m[b, d]) / 4
                for a, b, c, d in itertools.permutations(range(len(one)), 4)
            ]
        )
    )


@given(seeds, shapes)
@settings(deadline=None, max_examples=40)
def test_the_biased_one_is_as_published(seed, shape) -> None:
    n, c, d = shape
    one, other = normal(seed, n, c) + 3, normal(seed + 1, n, d)
    assert cka(one, other, debiased=False) == pytest.approx(published(one, other), abs=1e-10)


@given(seeds, st.tuples(st.integers(5, 7), st.integers(2, 20), st.integers(2, 6)))
@settings(deadline=None, max_examples=20)
def test_the_debiased_one_is_the_mean_over_quadruples(seed, shape) -> None:
    """Whatever is wider than twice the images is narrowed first, and shifts do not count."""
    n, c, d = shape
    one, other = normal(seed, n, c) + 3, normal(seed + 1, n, d)
    expected = by_quadruples(one, other) / np.sqrt(by_quadruples(one, one) * by_quadruples(other, other))
    assert cka(one, other) == pytest.approx(expected, abs=1e-8)


@given(seeds, shapes, st.floats(0.01, 100), st.booleans())
@settings(deadline=None, max_examples=40)
def test_rotation_shift_and_scale_do_not_matter(seed, shape, scale, debiased) -> None:
    n, c, d = shape
    one, other = normal(seed, n, c), normal(seed + 1, n, d)
    moved = scale * one @ rotation(seed, c) + 7
    assert cka(one, moved, debiased) == pytest.approx(1, abs=1e-8)
    assert cka(other, moved, debiased) == pytest.approx(cka(one, other, debiased), abs=1e-8)
    assert (-1 if debiased else 0) - 1e-9 <= cka(one, other, debiased) <= 1 + 1e-9


def test_only_the_debiased_one_finds_nothing_in_common_where_there_is_nothing() -> None:
    """100 images of 1,024 and 576 independent channels: 0, where the published estimate says 0.9."""
    one, other = normal(0, 100, 1024), normal(1, 100, 576)
    assert cka(one, other) == pytest.approx(0, abs=0.05)
    assert cka(one, other, debiased=False) > 0.85


@pytest.mark.parametrize("debiased", [True, False])
def test_leaving_images_out_is_what_computing_without_them_gives(debiased) -> None:
    one, other = normal(0, 9, 30), normal(1, 9, 3)
    _, without = hsic(Kernel.of(one, debiased), Kernel.of(other, debiased))
    for left in range(9):
        kept = torch.arange(9) != left
        alone, _ = hsic(Kernel.of(one[kept], debiased), Kernel.of(other[kept], debiased))
        assert without[left] == pytest.approx(alone, abs=1e-10)


def test_the_interval_is_as_wide_as_draws_of_images_differ() -> None:
    shared = normal(0, 3000, 5)
    one, other = shared + normal(1, 3000, 5), shared + normal(2, 3000, 5)
    values, widths = [], []
    for start in range(0, 3000, 75):
        part = slice(start, start + 75)
        found = CkaScorer().prepare([other[part]])(one[part])
        low, high = found.details["interval"]
        assert low < found.value < high
        values.append(found.value)
        widths.append(high - low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.3)


def test_what_has_no_cka_is_refused() -> None:
    with pytest.raises(DataError, match="4 images are too few"):
        cka(normal(0, 4, 3), normal(1, 4, 3))
    with pytest.raises(DataError, match="all images equally alike"):
        cka(torch.eye(6), normal(1, 6, 3))
