from __future__ import annotations

import numpy as np
import pytest

from visionlaw.law.tables import load_table
from visionlaw.modes import Mode
from visionlaw.policy.baselines import RankByA, RankByBoth, RankByC, RankByScore
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.regressors import GaussianProcess, RegressionSampler, RidgeRegression
from visionlaw.policy.replay import replay
from visionlaw.policy.state import Status, StudyState
from visionlaw.registry import Registry

ICLR, COLM = load_table("iclr2025"), load_table("colm2025")
NAMES = {
    "rank-a": RankByA,
    "rank-c": RankByC,
    "rank-ac": RankByBoth,
    "gaussian-process": GaussianProcess,
    "bayesian-ridge": RidgeRegression,
}
LUCK = np.random.default_rng(0)


def _state(points: np.ndarray, results: np.ndarray, pending: tuple[int, ...] = ()) -> StudyState:
    """One trial: points ``[b, k, 2]`` and results ``[b, k]``, NaN where not trained."""
    status = np.where(np.isfinite(results).any(axis=0), Status.DONE, Status.OPEN)[None].astype(np.int64)
    status[:, list(pending)] = Status.PENDING
    return StudyState(points, status, results[None], 8)


def _line(k: int = 6) -> np.ndarray:
    """Candidates whose A rises and whose C falls."""
    rise = np.linspace(0, 1, k)
    return np.stack([rise, rise[::-1]], axis=-1)[None]


@pytest.mark.parametrize(
    ("sampler", "table", "at_0_3_4"),
    [
        (RankByA(), ICLR, (0.50, 0.63, 0.63)),
        (RankByA(), COLM, (0.75, 0.88, 0.88)),
        (RankByBoth(), ICLR, (0.88, 0.88, 0.88)),
        (RankByBoth(), COLM, (0.63, 0.63, 0.75)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_published_figures_of_the_rankings(sampler: RankByScore, table: object, at_0_3_4: tuple[float, ...]) -> None:
    """PROTOCOLS §5: trivial baselines, fixed budget, observed results used for the trained."""
    recall = replay(table, sampler, 4, 2).recall().mean(axis=0)
    assert recall[[0, 3, 4]] == pytest.approx(at_0_3_4, abs=0.006)


@pytest.mark.parametrize("sampler", [RankByA(), RankByBoth()])
def test_published_share_that_four_finetunings_find(sampler: RankByScore) -> None:
    found = [replay(table, sampler, 4, 2).found()[:, 4].mean() for table in (ICLR, COLM)]
    assert np.mean(found) == pytest.approx(0.75, abs=0.006)


def test_published_share_that_five_joint_finetunings_find() -> None:
    found = [replay(table, RankByBoth(), 5, 2, mode=Mode.JOINT).found()[:, 5].mean() for table in (ICLR, COLM)]
    assert np.mean(found) == pytest.approx(0.81, abs=0.006)


@pytest.mark.parametrize(("sampler", "first"), [(RankByA(), 5), (RankByC(), 0), (RankByBoth(), 5)])
def test_rankings_ask_in_the_order_of_their_score(sampler: RankByScore, first: int) -> None:
    nothing = np.full((1, 6), np.nan)
    assert sampler.ask(_state(_line(), nothing), LUCK) == [first]
    step = 1 if first == 0 else -1
    assert sampler.ask(_state(_line(), nothing, pending=(first,)), LUCK) == [first + step]


def test_a_ranking_takes_turns_between_results_and_scores() -> None:
    results = np.array([[3.0, 9.0, np.nan, np.nan, 7.0, np.nan]])
    places = RankByA().predict(_state(_line(), results))[0, 0]
    assert np.argsort(-places).tolist() == [1, 5, 4, 3, 0, 2]
    assert sorted(places) == [-6, -5, -4, -3, -2, -1]


def test_a_joint_ranking_asks_by_the_mean_and_ranks_each_benchmark_by_its_own() -> None:
    points = np.stack([[[0.0, 0], [1.0, 0], [0.9, 0]], [[1.0, 0], [0.0, 0], [0.9, 0]]])
    state = _state(points, np.full((2, 3), np.nan))
    assert RankByA().ask(state, LUCK) == [2]
    assert RankByA().predict(state)[0].argmax(axis=-1).tolist() == [1, 0]


REGRESSIONS = [GaussianProcess, RidgeRegression]


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_a_regression_learns_a_law(kind: type[RegressionSampler]) -> None:
    rng = np.random.default_rng(0)
    points = rng.random((1, 12, 2))
    law = 50 + 10 * points[..., 0] + 4 * points[..., 1]
    told = np.where(np.arange(12) < 8, law, np.nan)
    belief = CheckedSampler.of(kind()).belief(_state(points, told))
    error = np.abs(belief.mean[0] - law)[:, 8:]
    assert error.max() < 0.25 * law[:, :8].std()
    assert (belief.standard_error > 0).all()
    assert np.array_equal(belief.mean[0, 0, :8], told[0, :8])


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_a_regression_asks_where_performance_rises(kind: type[RegressionSampler]) -> None:
    results = np.array([[np.nan, 50, 51, 52, np.nan, np.nan]])
    assert kind().ask(_state(_line(), results), LUCK)[0] in (4, 5)


@pytest.mark.parametrize("kind", REGRESSIONS)
@pytest.mark.parametrize("told", [0, 1])
def test_a_regression_says_nothing_of_fewer_than_two_results(kind: type[RegressionSampler], told: int) -> None:
    results = np.where(np.arange(6) < told, 50.0, np.nan)[None]
    state = _state(_line(), results)
    assert np.isnan(kind().predict(state)).all()
    asked = {int(kind().ask(state, LUCK)[0]) for _ in range(60)}
    assert asked == set(range(told, 6))


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_results_that_are_all_the_same_are_no_obstacle(kind: type[RegressionSampler]) -> None:
    results = np.array([[50.0, 50.0, 50.0, np.nan, np.nan, np.nan]])
    belief = CheckedSampler.of(kind()).belief(_state(_line(), results))
    assert belief.mean == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("sampler", [RankByA(), RankByC(), RankByBoth(), GaussianProcess(), RidgeRegression()])
def test_a_baseline_stops_when_nothing_is_open(sampler: RankByScore | RegressionSampler) -> None:
    assert sampler.ask(_state(_line(), np.arange(6.0)[None]), LUCK).tolist() == [-1]


@pytest.mark.parametrize("kind", REGRESSIONS)
@pytest.mark.parametrize("mode", list(Mode))
def test_a_regression_beats_chance(kind: type[RegressionSampler], mode: Mode) -> None:
    found = replay(ICLR, kind(), 6, 4, mode=mode).found()[:, 6].mean()
    assert found > 6 / 13 + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_loads_them_by_name(name: str) -> None:
    assert type(Registry.discover().load("sampler", name)) is NAMES[name]
