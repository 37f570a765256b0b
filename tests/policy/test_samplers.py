from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import ArrayLike

from visionlaw.policy.quadratic import predict_quadratic
from visionlaw.policy.samplers import RandomSampler, RegionSampler, region_of
from visionlaw.policy.state import Status, StudyState
from visionlaw.protocols import Sampler

SAMPLERS = [RegionSampler(), RandomSampler()]
statuses = hnp.arrays(np.int64, (4, 9), elements=st.sampled_from([int(s) for s in Status]))


def _state(
    points: ArrayLike, status: ArrayLike | None = None, results: ArrayLike | None = None, trials: int = 1
) -> StudyState:
    """One benchmark, the same points in every trial."""
    points = np.asarray(points, dtype=float)
    status = np.zeros((trials, len(points)), dtype=np.int64) if status is None else np.atleast_2d(status)
    results = np.full((len(status), 1, len(points)), np.nan) if results is None else np.asarray(results, dtype=float)
    return StudyState(points[None], status, results, budget=8)


def _shares(sampler: Sampler, state: StudyState) -> np.ndarray:
    chosen = sampler.ask(state, np.random.default_rng(0))
    return np.bincount(chosen, minlength=state.candidates) / state.trials


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
@given(status=statuses, seed=st.integers(0, 99))
def test_only_open_candidates_are_chosen(sampler: Sampler, status: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    state = _state(rng.random((9, 2)), status)
    chosen = sampler.ask(state, rng)
    for trial, candidate in enumerate(chosen):
        openings = np.flatnonzero(status[trial] == Status.OPEN)
        assert candidate in openings if len(openings) else candidate == -1


def test_region_sampling_draws_regions_evenly_then_settings_in_them() -> None:
    """Three settings crowd one quarter, one has a quarter to itself: it is drawn as often as the three together."""
    crowded = [[0.1, 0.1], [0.2, 0.2], [0.3, 0.1], [0.9, 0.9]]
    shares = _shares(RegionSampler(), _state(crowded, trials=20_000))
    assert shares == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2], abs=0.015)


def test_random_sampling_draws_settings_evenly() -> None:
    crowded = [[0.1, 0.1], [0.2, 0.2], [0.3, 0.1], [0.9, 0.9]]
    assert _shares(RandomSampler(), _state(crowded, trials=20_000)) == pytest.approx([0.25] * 4, abs=0.015)


@pytest.mark.parametrize("status", [Status.DONE, Status.PENDING])
def test_a_taken_setting_closes_its_region(status: Status) -> None:
    points = [[0.1, 0.1], [0.2, 0.2], [0.9, 0.9]]
    state = _state(points, np.tile([status, Status.OPEN, Status.OPEN], (500, 1)))
    assert _shares(RegionSampler(), state).tolist() == [0, 0, 1]


def test_a_failed_setting_leaves_its_region_unexplored() -> None:
    points = [[0.1, 0.1], [0.2, 0.2], [0.9, 0.9]]
    state = _state(points, np.tile([Status.FAILED, Status.OPEN, Status.OPEN], (20_000, 1)))
    assert _shares(RegionSampler(), state) == pytest.approx([0, 0.5, 0.5], abs=0.015)


def test_when_all_regions_are_explored_the_next_level_opens() -> None:
    """At 2×2 both quarters hold a trained setting; at 4×4 only the third setting has a region of its own."""
    points = [[0.0, 0.0], [1.0, 1.0], [0.4, 0.4], [0.1, 0.1]]
    state = _state(points, np.tile([Status.DONE, Status.DONE, Status.OPEN, Status.OPEN], (500, 1)))
    assert _shares(RegionSampler(), state).tolist() == [0, 0, 1, 0]


def test_settings_with_the_scores_of_a_trained_one_come_last_but_do_come() -> None:
    points = [[0.5, 0.5], [0.5, 0.5], [0.5, 0.500001], [0.0, 1.0]]
    done = [Status.DONE, Status.OPEN, Status.OPEN, Status.DONE]
    assert _shares(RegionSampler(), _state(points, np.tile(done, (300, 1)))).tolist() == [0, 0, 1, 0]
    done[2] = Status.DONE
    assert _shares(RegionSampler(), _state(points, np.tile(done, (300, 1)))).tolist() == [0, 1, 0, 0]


def test_a_joint_study_averages_the_points_of_its_benchmarks() -> None:
    """Each benchmark alone would put the open settings where something is trained; their mean does not."""
    points = np.array([[[0.1, 0.1], [0.2, 0.2], [1, 1]], [[0.1, 0.1], [0.9, 0.9], [0.2, 0.2]]])
    status = np.tile([Status.DONE, Status.OPEN, Status.OPEN], (200, 1))
    state = StudyState(points, status, np.full((200, 2, 3), np.nan), budget=3)
    shares = _shares(RegionSampler(), state)
    assert shares[0] == 0
    assert set(np.flatnonzero(shares)) == {1, 2}


@given(hnp.arrays(float, (7, 2), elements=st.floats(0, 1)), st.integers(1, 20))
def test_regions_nest_and_hold_the_upper_edge(points: np.ndarray, level: int) -> None:
    side = 2**level
    regions = region_of(points, level)
    assert ((regions >= 0) & (regions < side**2)).all()
    row, column = np.divmod(region_of(points, level + 1), 2 * side)
    assert (regions == (row // 2) * side + column // 2).all()
    assert region_of(np.array([1.0, 1.0]), level) == side**2 - 1


def _told(points: np.ndarray, y: ArrayLike, trained: list[int]) -> StudyState:
    results = np.full((1, 1, len(points)), np.nan)
    results[0, 0, trained] = np.asarray(y)[trained]
    status = np.where(np.isfinite(results[0, 0]), Status.DONE, Status.OPEN)
    return _state(points, status, results)


def test_a_quadratic_truth_is_predicted_everywhere_from_six_results() -> None:
    points = np.random.default_rng(4).random((12, 2))
    A, C = points.T
    y = 60 + 8 * A - 3 * C - 5 * A * A + 4 * A * C + C * C
    predicted = predict_quadratic(_told(points, y, [0, 2, 3, 5, 8, 11]))
    assert predicted[0, 0] == pytest.approx(y)


def test_two_results_give_the_direction_between_them() -> None:
    points = np.array([[0, 0.5], [1, 0.5], [0.5, 0.5], [0.75, 0.5]])
    predicted = predict_quadratic(_told(points, [10, 20, 0, 0], [0, 1]))[0, 0]
    assert predicted[:2] == pytest.approx([10, 20])
    assert predicted[0] < predicted[2] < predicted[3] < predicted[1]


def test_the_prediction_of_a_trained_setting_is_the_laws() -> None:
    """Nine results that no quadratic fits: the law misses each, and does not repeat what was told."""
    points = np.random.default_rng(0).random((9, 2))
    y = np.random.default_rng(1).random(9)
    predicted = predict_quadratic(_told(points, y, list(range(9))))[0, 0]
    assert (np.abs(predicted - y) > 1e-3).all()
    assert predicted.mean() == pytest.approx(y.mean())


@pytest.mark.parametrize("trained", [[], [2]])
def test_less_than_two_results_predict_nothing(trained: list[int]) -> None:
    points = np.random.default_rng(0).random((5, 2))
    assert np.isnan(predict_quadratic(_told(points, np.arange(5.0), trained))).all()


def test_trials_and_benchmarks_do_not_disturb_each_other() -> None:
    """One batch with unequal numbers of results equals each trial and benchmark by itself."""
    rng = np.random.default_rng(8)
    points, results = rng.random((3, 10, 2)), rng.random((5, 3, 10))
    results[rng.random(results.shape) < 0.5] = np.nan
    status = np.where(np.isfinite(results).any(axis=1), Status.DONE, Status.OPEN)
    together = predict_quadratic(StudyState(points, status, results, budget=9))
    for t in range(5):
        for b in range(3):
            alone = StudyState(points[b : b + 1], status[t : t + 1], results[t : t + 1, b : b + 1], budget=9)
            assert predict_quadratic(alone)[0, 0] == pytest.approx(together[t, b], nan_ok=True)


def test_points_may_differ_between_trials() -> None:
    rng = np.random.default_rng(2)
    points, results = rng.random((4, 2, 6, 2)), rng.random((4, 2, 6))
    state = StudyState(points, np.full((4, 6), Status.DONE), results, budget=6)
    for t in range(4):
        alone = StudyState(points[t], np.full((1, 6), Status.DONE), results[t : t + 1], budget=6)
        assert predict_quadratic(state)[t] == pytest.approx(predict_quadratic(alone)[0])
    assert alone.points.shape == (1, 2, 6, 2)


def test_the_samplers_follow_the_protocol() -> None:
    assert all(isinstance(sampler, Sampler) for sampler in SAMPLERS)


def test_a_trial_with_one_result_predicts_nothing_beside_one_with_more() -> None:
    results = np.full((2, 1, 5), np.nan)
    results[0, 0, 1] = 3.0
    results[1, 0, :3] = [1.0, 2.0, 3.0]
    state = StudyState(np.random.default_rng(0).random((1, 5, 2)), np.zeros((2, 5), dtype=np.int64), results, budget=5)
    assert np.isnan(predict_quadratic(state)).all(axis=-1).tolist() == [[True], [False]]
