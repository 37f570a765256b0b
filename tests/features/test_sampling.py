from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import resample, sample, unit


def ramp(h: int, w: int) -> FeatureMap:
    """A map whose token at (x, y) is (x, y)."""
    ys, xs = np.mgrid[0:h, 0:w]
    tokens = torch.tensor(np.stack([xs.ravel(), ys.ravel()], -1), dtype=torch.float32)
    return FeatureMap(tokens, Geometry((w, h), (h, w), (1.0, 1.0), (0.0, 0.0)))


@given(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 12)), min_size=1))
def test_a_linear_map_is_sampled_exactly_and_clamped_at_the_border(positions) -> None:
    expected = np.clip(np.array(positions), (0, 0), (6, 3))
    np.testing.assert_allclose(sample(ramp(4, 7), positions).numpy(), expected, atol=1e-5)


def test_resampling_is_torch_interpolate_without_aligned_corners() -> None:
    features = FeatureMap(torch.randn(12, 5), Geometry((40, 30), (3, 4), (0.1, 0.1), (-0.45, -0.45)))
    larger = resample(features, (7, 9))
    image = features.tokens.T.reshape(1, 5, 3, 4)
    expected = torch.nn.functional.interpolate(image, size=(7, 9), mode="bilinear", align_corners=False)
    torch.testing.assert_close(larger.tokens, expected.reshape(5, 63).T)


def test_resampled_tokens_and_geometry_tell_the_same_place() -> None:
    """A map that says where each token is in the image still says so after it is resized."""
    source = Geometry.of_resize((100, 60), (64, 64), (0, 0), 8, 8, (8, 8))
    places = FeatureMap(torch.tensor(source.cell_centres(), dtype=torch.float32), source)
    larger = resample(places, (12, 20))
    told = larger.tokens.reshape(12, 20, 2)[1:-1, 2:-2].reshape(-1, 2)
    true = larger.geometry.cell_centres().reshape(12, 20, 2)[1:-1, 2:-2].reshape(-1, 2)
    np.testing.assert_allclose(told.numpy(), true, atol=1e-3)


def test_zero_tokens_have_no_direction_but_no_nan() -> None:
    assert unit(torch.zeros(2, 3)).eq(0).all()
    assert unit(torch.full((1, 4), 1e-4, dtype=torch.float16)).norm().item() == 1
