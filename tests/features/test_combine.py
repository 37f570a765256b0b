from __future__ import annotations

import pytest
import torch
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner, common_geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.preprocess import prepare
from visionlaw.features.sampling import resample, unit


def random_map(resolution: int, patch: int, channels: int, mode: str = "squash", size=(90, 60)) -> FeatureMap:
    _, geometry = prepare(Image.new("RGB", size), resolution, patch, resize=mode)
    h, w = geometry.grid
    return FeatureMap(torch.randn(h * w, channels, generator=torch.Generator().manual_seed(patch)), geometry)


def test_each_part_has_length_one_on_the_larger_grid() -> None:
    small, large = random_map(64, 16, 5), random_map(96, 8, 3)
    combined = ConcatCombiner().combine([small, large])
    assert combined.grid == (12, 12)
    assert combined.channels == 8
    torch.testing.assert_close(combined.tokens[:, :5], unit(resample(small, (12, 12)).tokens))
    torch.testing.assert_close(combined.tokens[:, 5:], unit(large.tokens))
    assert combined.geometry.to_grid((13, 7)).tolist() == pytest.approx(large.geometry.to_grid((13, 7)).tolist())


def test_the_mean_of_cosines_is_the_cosine_of_the_concatenation() -> None:
    small, large = random_map(64, 16, 5), random_map(96, 8, 3)
    combiner = ConcatCombiner()
    combined = unit(combiner.combine([small, large]).tokens)
    parts = [unit(resample(m, (12, 12)).tokens) for m in (small, large)]
    mean = combiner.combine_rows([part @ part.T for part in parts])
    torch.testing.assert_close(mean, combined @ combined.T, atol=1e-6, rtol=0)


def test_combining_rows_leaves_the_parts_as_they_were() -> None:
    rows = [torch.ones(2, 3), torch.zeros(2, 3)]
    assert ConcatCombiner().combine_rows(rows).eq(0.5).all()
    assert rows[0].eq(1).all()


@pytest.mark.parametrize(("one", "other"), [("squash", "crop"), ("squash", "letterbox"), ("crop", "letterbox")])
def test_maps_of_different_parts_of_the_image_are_refused(one: str, other: str) -> None:
    with pytest.raises(DataError, match="cannot be combined") as caught:
        ConcatCombiner().combine([random_map(64, 16, 5, one), random_map(64, 16, 5, other)])
    assert caught.value.remedy


def test_patches_that_overlap_too_much_are_refused_with_what_to_look_at() -> None:
    """Patches of 32 px, 8 apart: the outer tokens lie farther in than those of patches side by side."""
    image = Image.new("RGB", (451, 300))
    overlapping, beside = prepare(image, 256, 32, 8)[1], prepare(image, 256, 16)[1]
    with pytest.raises(DataError, match=r"tokens apart, and 0\.5 at the most") as caught:
        common_geometry([beside, overlapping.resampled(beside.grid)])
    assert "patch and stride" in str(caught.value.remedy)


def test_a_border_of_a_few_pixels_left_unread_is_no_obstacle() -> None:
    """70 px in patches of 16 leave 6 px at the right and below."""
    assert ConcatCombiner().combine([random_map(64, 16, 2), random_map(70, 16, 2)]).grid == (4, 4)
