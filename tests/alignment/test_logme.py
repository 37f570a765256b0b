from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from visionlaw.alignment import logme as module
from visionlaw.alignment.logme import logme
from visionlaw.errors import DataError

seeds = st.integers(0, 10_000)
NOTHING = -(1 + np.log(2 * np.pi)) / 2


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def normal(seed: int, count: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, width)))


def brute_force(features: torch.Tensor, target: torch.Tensor) -> float:
    """The evidence as the density of a normal distribution, maximised over α and β from many starts.

    Centring is done by n - 1 orthonormal contrasts, so that no degree of freedom is counted that is not there.
    """
    n = len(features)
    contrasts = np.linalg.svd(np.eye(n) - 1 / n)[2][: n - 1]
    f, y = contrasts @ features.numpy(), contrasts @ target.numpy()
    y = y * np.sqrt((n - 1) / (y @ y))

    def loss(logs: np.ndarray) -> float:
        alpha, beta = np.exp(np.clip(logs, -30, 30))
        covariance = np.eye(n - 1) / min(beta, module.PRECISION) + f @ f.T / alpha
        _, determinant = np.linalg.slogdet(covariance)
        return ((n - 1) * np.log(2 * np.pi) + determinant + y @ np.linalg.solve(covariance, y)) / (2 * (n - 1))

    starts = [(a, b) for a in (-8, -3, 0, 3, 8, 15) for b in (-1, 1, 4, 9, 13)]
    best = min(starts, key=loss)
    tried = [best, *sorted(starts, key=loss)[1:4]]
    return -min(minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6}).fun for start in tried)


@given(seeds, st.integers(4, 9), st.integers(1, 14), st.sampled_from([0.0, 0.1, 1.0, 10.0]))
@settings(deadline=None, max_examples=25)
def test_it_is_the_maximal_evidence(seed, count, width, noise) -> None:
    """Few and many channels, targets without noise and with little else."""
    features = normal(seed, count, width) + 2
    target = features @ normal(seed + 1, width, 1) + noise * normal(seed + 2, count, 1)
    assert logme(features, target) == pytest.approx(brute_force(features, target[:, 0]), abs=2e-4)


@given(seeds, st.integers(5, 12), st.integers(1, 20), st.floats(0.01, 100))
@settings(deadline=None, max_examples=30)
def test_rotation_shift_and_scale_of_features_and_scale_of_targets_do_not_matter(seed, count, width, scale) -> None:
    features, targets = normal(seed, count, width), normal(seed + 1, count, 3)
    expected = logme(features, targets)
    turned = torch.linalg.qr(normal(seed, width, width)).Q
    assert logme(scale * features @ turned + 5, targets) == pytest.approx(expected, abs=1e-6)
    assert logme(features, targets * torch.tensor([scale, 1, 2]) - 3) == pytest.approx(expected, abs=1e-6)


def test_it_rises_with_what_can_be_read_off_and_not_with_the_number_of_channels() -> None:
    features = normal(0, 60, 8)
    signal = features @ normal(1, 8, 5)
    scores = [logme(features, signal + noise * normal(2, 60, 5)) for noise in (0.1, 1, 3, 10)]
    assert scores == sorted(scores, reverse=True)
    noisy = signal + normal(2, 60, 5)
    padded = torch.cat([features, normal(3, 60, 300)], dim=1)
    assert logme(padded, noisy) < logme(features, noisy)
    assert logme(normal(4, 60, 300), noisy) == pytest.approx(NOTHING, abs=0.03)


def test_a_reference_against_itself_is_finite_and_the_best() -> None:
    features = normal(0, 40, 6)
    highest = (np.log(module.PRECISION) - np.log(2 * np.pi)) / 2
    assert logme(features, features + 0.01 * normal(1, 40, 6)) < logme(features, features) < highest < 6


def test_dimensions_are_averaged_and_constant_ones_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    features, targets = normal(0, 20, 6), normal(1, 20, 7)
    alone = [logme(features, targets[:, [j]]) for j in range(7)]
    monkeypatch.setattr(module, "BLOCK", 13)
    assert logme(features, targets) == pytest.approx(np.mean(alone), abs=1e-9)
    assert logme(features, torch.cat([targets, torch.full((20, 2), 3.3)], dim=1)) == pytest.approx(np.mean(alone))


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(DataError, match="2 images are too few"):
        logme(normal(0, 2, 3), normal(1, 2, 3))
    with pytest.raises(DataError, match="the same for all images"):
        logme(normal(0, 9, 3), torch.ones(9, 3))
