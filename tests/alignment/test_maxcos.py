from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.alignment import maxcos as module
from visionlaw.alignment.maxcos import maxcos, mean_maxcos
from visionlaw.errors import DataError

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12))
seeds = st.integers(0, 10_000)


def tokens(seed: int, count: int, width: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@given(seeds, shapes, st.integers(1, 60))
@settings(deadline=None)
def test_it_is_the_formula_however_it_is_cut(seed, shape, block) -> None:
    """ICLR eq. 2 written out token by token."""
    s, t, d = shape
    reference, target = tokens(seed, s, d), tokens(seed + 1, t, d)
    expected = np.mean([max(float(torch.cosine_similarity(u, v, dim=0)) for u in reference) for v in target])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        assert maxcos(reference, target) == pytest.approx(expected, abs=1e-5)


@given(seeds, shapes, st.floats(0.01, 100))
@settings(deadline=None)
def test_against_itself_it_is_one_and_scale_does_not_matter(seed, shape, scale) -> None:
    one = tokens(seed, shape[0], shape[2])
    assert maxcos(one, one) == pytest.approx(1, abs=1e-5)
    other = tokens(seed + 1, shape[1], shape[2])
    assert maxcos(one, other) == pytest.approx(maxcos(scale * one, other), abs=1e-5)


def test_it_is_not_symmetric_the_mean_runs_over_the_target() -> None:
    reference = torch.eye(2)
    target = torch.tensor([[1.0, 0.0]])
    assert maxcos(reference, target) == pytest.approx(1)
    assert maxcos(target, reference) == pytest.approx(0.5)


def test_the_mean_over_images_has_an_interval() -> None:
    images = [(tokens(i, 4, 6), tokens(100 + i, 5, 6)) for i in range(40)]
    found = mean_maxcos(images)
    values = [maxcos(*image) for image in images]
    assert (found.value, found.images) == (pytest.approx(np.mean(values)), 40)
    spread = 1.96 * np.std(values) / np.sqrt(40)
    assert found.interval == pytest.approx((found.value - spread, found.value + spread), abs=0.3 * spread)
    assert mean_maxcos(images) == found
    assert mean_maxcos(images[:1]).interval == (-1, 1)


def test_half_precision_is_compared_in_single() -> None:
    reference, target = tokens(0, 30, 4000).half(), tokens(1, 30, 4000).half()
    assert maxcos(100 * reference, 100 * target) == pytest.approx(maxcos(reference.float(), target.float()), abs=1e-4)


@pytest.mark.parametrize(
    ("reference", "target", "says"),
    [
        (torch.ones(3, 4), torch.ones(3, 5), "do not share a space"),
        (torch.ones(4), torch.ones(3, 4), "do not share a space"),
        (torch.ones(0, 4), torch.ones(3, 4), "without projected tokens"),
        (torch.ones(2, 4), torch.full((3, 4), torch.nan), "not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(reference, target, says) -> None:
    with pytest.raises(DataError, match=says):
        maxcos(reference, target)


def test_no_images_is_no_alignment() -> None:
    with pytest.raises(DataError, match="no image"):
        mean_maxcos([])


def test_a_zero_token_is_similar_to_nothing() -> None:
    tokens = torch.eye(2)
    assert maxcos(tokens, torch.stack([torch.zeros(2), tokens[0]])) == pytest.approx(0.5)
    assert maxcos(torch.zeros(3, 2), tokens) == 0
