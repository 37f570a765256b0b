from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.correspondence.matching import locate
from visionlaw.correspondence.rows import combine, describe, rows
from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner, common_grid
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import unit


def features(seed: int, grid: tuple[int, int], channels: int, scale: float = 1.0) -> FeatureMap:
    h, w = grid
    tokens = scale * torch.randn(h * w, channels, generator=torch.Generator().manual_seed(seed))
    return FeatureMap(tokens, Geometry.of_resize((100, 80), (16 * w, 16 * h), (0, 0), 16, 16, grid))


points = st.lists(st.tuples(st.floats(-2, 101), st.floats(-2, 81)), min_size=1, max_size=8)


@given(
    st.integers(0, 10_000),
    points,
    st.lists(
        st.tuples(st.sampled_from([(4, 4), (7, 5), (8, 8)]), st.integers(1, 40), st.floats(0.01, 100)),
        min_size=1,
        max_size=4,
    ),
)
@settings(deadline=None)
def test_summed_rows_are_the_cosine_of_explicitly_concatenated_features(seed, where, parts) -> None:
    """Sources and targets concatenated part by part, as features/combine.py defines it, against the sums."""
    combiner = ConcatCombiner()
    sources = [features(seed + i, grid, c, scale) for i, (grid, c, scale) in enumerate(parts)]
    targets = [features(seed + 100 + i, grid, c, scale) for i, (grid, c, scale) in enumerate(parts)]
    grid = common_grid([t.grid for t in targets])
    summed = combine([rows(s, t, where, grid) for s, t in zip(sources, targets, strict=True)], combiner)

    target = combiner.combine(targets)
    descriptors = torch.cat([describe(s, where) for s in sources], dim=1)
    explicit = unit(descriptors) @ unit(target.tokens).T
    torch.testing.assert_close(summed.similarity, explicit, atol=2e-6, rtol=0)
    assert summed.geometry == target.geometry


@given(st.integers(0, 10_000), points, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_scale_and_order_of_channels_do_not_matter(seed, where, scale, random) -> None:
    source, target = features(seed, (6, 7), 12), features(seed + 1, (6, 7), 12)
    order = torch.tensor(random.sample(range(12), 12))
    plain = rows(source, target, where)
    changed = rows(
        FeatureMap(scale * source.tokens[:, order], source.geometry),
        FeatureMap(3 * scale * target.tokens[:, order], target.geometry),
        where,
    )
    torch.testing.assert_close(plain.similarity, changed.similarity, atol=2e-6, rtol=0)


def test_a_token_is_most_similar_to_itself_and_zero_tokens_to_nothing() -> None:
    one = features(0, (5, 4), 16)
    found = rows(one, one, one.geometry.cell_centres())
    np.testing.assert_allclose(locate(found), one.geometry.cell_centres())
    torch.testing.assert_close(found.similarity.diagonal(), torch.ones(20))
    blank = FeatureMap(torch.zeros(20, 16), one.geometry)
    assert rows(blank, one, [(5, 5)]).similarity.eq(0).all()
    assert rows(one, blank, [(5, 5)]).similarity.eq(0).all()


def test_rows_of_different_parts_of_the_image_are_refused() -> None:
    whole = features(0, (4, 4), 8)
    cut = FeatureMap(whole.tokens, Geometry.of_resize((100, 80), (96, 64), (-16, 0), 16, 16, (4, 4)))
    with pytest.raises(DataError, match="different parts"):
        combine([rows(whole, whole, [(1, 1)]), rows(cut, cut, [(1, 1)])], ConcatCombiner())
