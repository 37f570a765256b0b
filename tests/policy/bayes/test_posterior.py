"""Draws are of the exact posterior: compared with the textbook's Gaussian algebra on dense matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visionlaw.arrays import FloatArray
from visionlaw.policy.bayes.hypotheses import Family, features
from visionlaw.policy.bayes.posterior import LEVEL, NUGGET, SCALES, Told, draw, told

B, K = 2, 6
RNG = np.random.default_rng(3)
PHI = features(RNG.random((1, B, K, 2)))


def family(scenarios: int = 1) -> Family:
    return Family(
        features=PHI,
        centres=RNG.standard_normal((1, scenarios, B, K)),
        shared_slopes=np.eye(5) * 0.3,
        own_slopes=np.eye(5) * 0.2,
        shared_noise=np.full((1, K), 0.3),
        own_noise=np.linspace(0.1, 0.4, K)[None],
        log_weight=0.0,
        span=(-1.0, 1.0),
    )


def covariance(of: Family) -> FloatArray:
    """Covariance of all z, ``[B·K, B·K]``, written out entry by entry."""
    out = np.zeros((B * K, B * K))
    for b in range(B):
        for other in range(B):
            for j in range(K):
                for i in range(K):
                    value = PHI[0, b, j] @ of.shared_slopes @ PHI[0, other, i]
                    value += of.shared_noise[0, j] ** 2 * (i == j)
                    if b == other:
                        value += PHI[0, b, j] @ of.own_slopes @ PHI[0, b, i] + LEVEL**2
                        value += of.own_noise[0, j] ** 2 * (i == j)
                    out[b * K + j, other * K + i] = value
    return out


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_draws_have_the_mean_and_covariance_of_the_posterior(noise: float) -> None:
    of = family()
    results = np.full((1, B, K), np.nan)
    results[0, 0, [1, 4]], results[0, 1, 1] = [0.5, 1.0], -1.0  # one candidate has a result on one benchmark alone
    data = told(results)
    fixed = Told(data.slot, data.used, data.values, data.level, np.ones((1, B, 1)), data.count, data.size)
    drawn = draw(of, fixed, noise, 60_000, np.random.default_rng(0)).values[0].astype(np.float64)
    drawn = drawn.swapaxes(0, 1).reshape(60_000, B * K)

    at = np.array([1, 4, K + 1])
    y = np.array([0.5, 1.0, -1.0]) - np.array([0.75, 0.75, -1.0])
    error = np.full(3, noise)
    full, centre = covariance(of), of.centres[0, 0].ravel()
    gain = full[:, at] @ np.linalg.inv(full[np.ix_(at, at)] + np.diag(error**2 + NUGGET))
    mean, spread = centre + gain @ (y - centre[at]), full - gain @ full[at]
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.05)
    assert np.cov(drawn.T) == pytest.approx(spread, abs=0.1)


def test_scenarios_are_drawn_by_their_likelihood() -> None:
    of = family(scenarios=2)
    of = replace(of, shared_slopes=np.eye(5) * 1e-4, own_slopes=np.eye(5) * 1e-4, shared_noise=of.shared_noise / 10)
    results = np.full((1, B, K), np.nan)
    results[0, :, :4] = 10 * of.centres[0, 1, :, :4]
    data = told(results)
    drawn = draw(of, data, 0.0, 400, np.random.default_rng(0)).values[0, :, :, 4:].mean(axis=1)
    foretold = data.size[0, :, None] * (drawn + data.level[0, :, None]) / 10
    off = [np.abs(foretold - of.centres[0, scenario, :, 4:]).max() for scenario in (0, 1)]
    assert off[1] < 0.5 < off[0]


def test_evidence_prefers_the_family_that_the_results_are_of() -> None:
    calm = family()
    wild = replace(calm, own_noise=calm.own_noise * 20, shared_noise=calm.shared_noise * 20)
    results = calm.centres[:, 0] * 4 + 50
    weights = [draw(f, told(results), 0.0, 1, np.random.default_rng(0)).log_weight[0] for f in (calm, wild)]
    assert weights[0] > weights[1] + 5


def test_units_do_not_matter() -> None:
    of, results = family(), np.full((1, B, K), np.nan)
    results[0, :, :3] = 1 + RNG.random((B, 3))
    one = draw(of, told(results), 0.0, 200, np.random.default_rng(0))
    other = draw(of, told(1000 * results), 0.0, 200, np.random.default_rng(0))
    assert other.values == pytest.approx(one.values, abs=1e-4)


def test_a_scale_is_expected_to_be_a_share_of_the_performance() -> None:
    """Two results that are close to each other do not make the whole benchmark narrow."""
    results = np.full((1, B, K), np.nan)
    results[0, :, :2] = [50.0, 50.5]
    narrow, wide = replace(family(), span=(np.log(0.01), 0.1)), replace(family(), span=(np.log(0.5), 0.1))
    spread = [
        draw(f, told(results), 0.0, 400, np.random.default_rng(0)).values[0, :, :, 2:].std() for f in (narrow, wide)
    ]
    assert spread[1] > 5 * spread[0]


def test_results_are_arranged_in_slots() -> None:
    data = told(np.array([[[np.nan, 3.0, np.nan, 5.0], [np.nan, -7.0, np.nan, np.nan]]]))
    assert data.slot[0, 0].tolist() == [1, 3]
    assert data.used[0].tolist() == [[True, True], [True, False]]
    assert data.size.tolist() == [[5.0, 7.0]]
    assert data.level[0] == pytest.approx([0.8, -1.0])
    assert data.values[0].ravel() == pytest.approx([-0.2, 0.2, 0.0, 0.0])
    assert data.scales[0, 0] == pytest.approx(0.4 * SCALES)
    assert data.scales[0, 1].max() == pytest.approx(1.0)


@pytest.mark.parametrize("values", [[4.0, 4.0, np.nan], [0.0, 0.0, np.nan], [0.0, np.nan, np.nan], [5.0, -5.0, np.nan]])
def test_whatever_the_results_there_is_a_scale_to_judge_them_by(values: list[float]) -> None:
    data = told(np.array([[values]]))
    assert (data.scales > 0.01).all()
    assert (data.scales < 300).all()
