from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.correspondence.definitions import Strict
from visionlaw.correspondence.matchers import Argmax
from visionlaw.correspondence.rows import Placement, cosines
from visionlaw.features.combine import ConcatCombiner, common_grid
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import unit


def features(seed: int, grid: tuple[int, int], channels: int, scale: float = 1.0) -> FeatureMap:
    h, w = grid
    tokens = scale * torch.randn(h * w, channels, generator=torch.Generator().manual_seed(seed))
    return FeatureMap(tokens, Geometry.of_resize((100, 80), (16 * w, 16 * h), (0, 0), 16, 16, grid))


STRICT = Strict(Argmax())


def rows(source: FeatureMap, target: FeatureMap, where, grid=None) -> torch.Tensor:
    grid = grid or target.grid
    return cosines(STRICT.describe(source, where, grid), STRICT.searched(target, grid).tokens)


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
    summed = combiner.combine_rows([rows(s, t, where, grid) for s, t in zip(sources, targets, strict=True)])

    target = combiner.combine(targets)
    descriptors = torch.cat([unit(STRICT.describe(s, where, grid)) for s in sources], dim=1)
    explicit = unit(descriptors) @ unit(target.tokens).T
    torch.testing.assert_close(summed, explicit, atol=2e-6, rtol=0)


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
    torch.testing.assert_close(plain, changed, atol=2e-6, rtol=0)


def test_a_token_is_most_similar_to_itself_and_zero_tokens_to_nothing() -> None:
    one = features(0, (5, 4), 16)
    found = rows(one, one, one.geometry.cell_centres())
    cells = Argmax().locate(found, one.grid).numpy()
    np.testing.assert_allclose(one.geometry.to_pixels(cells), one.geometry.cell_centres())
    torch.testing.assert_close(found.diagonal(), torch.ones(20))
    blank = FeatureMap(torch.zeros(20, 16), one.geometry)
    assert rows(blank, one, [(5, 5)]).eq(0).all()
    assert rows(one, blank, [(5, 5)]).eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_tokens_are_compared_in_single_precision(dtype) -> None:
    """Sums of many products overflow and lose their digits in 16 bits."""
    one = features(0, (4, 4), 3000, scale=30)
    half = FeatureMap(one.tokens.to(dtype), one.geometry)
    single = FeatureMap(half.tokens.float(), one.geometry)
    found = rows(half, half, [(5, 5), (60, 40)])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, rows(single, single, [(5, 5), (60, 40)]), atol=1e-6, rtol=0)


def test_the_part_of_the_image_that_a_grid_shows_is_known() -> None:
    def placed(*geometries: Geometry) -> Placement:
        placement = Placement.empty(len(geometries), geometries[0].grid)
        for pair, geometry in enumerate(geometries):
            placement.put(pair, geometry)
        return placement

    whole = Geometry.of_resize((100, 80), (64, 64), (0, 0), 16, 16, (4, 4))
    nearly = Geometry.of_resize((100, 80), (64, 64), (-7, 0), 16, 16, (4, 4))
    cut = Geometry.of_resize((100, 80), (96, 64), (-16, 0), 16, 16, (4, 4))
    assert placed(whole, whole, whole).shows_the_same(placed(whole, nearly, cut)).tolist() == [True, True, False]
    fine, moved = placed(whole.resampled((16, 16))), placed(nearly.resampled((16, 16)))
    assert fine.shows_the_same(moved, zoom=4).all(), "half a token, however fine the grid"
    assert not fine.shows_the_same(moved).any()
    cells = np.array([(0, 0), (3, 3), (1.5, 2.25)])
    np.testing.assert_allclose(placed(cut, whole).to_pixels(cells, np.array([0, 0, 1]))[:2], cut.to_pixels(cells[:2]))
    np.testing.assert_allclose(placed(cut, whole).to_pixels(cells, np.array([0, 0, 1]))[2], whole.to_pixels(cells[2]))
