"""What a run promises, and what it would teach."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from visionlaw.policy.belief import Belief
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.prospects import expected_sureness, prospects
from visionlaw.policy.state import Status, StudyState

DRAWS = np.random.default_rng(0).standard_normal((4000, 3))


def belief(state: StudyState) -> Belief:
    """Candidates are independent, 50 ± 3, 50 ± 1 and 40 ± 1; a result is exact."""
    told = np.isfinite(state.results)
    mean = np.where(told, state.results, np.array([50.0, 50.0, 40.0]))
    error = np.where(told, 1e-9, np.array([3.0, 1.0, 1.0]))
    best = np.eye(3)[(mean + error * DRAWS[:, None, None, :]).argmax(axis=-1)].mean(axis=0)
    return Belief(mean, error, best)


def sampler(**methods: object) -> CheckedSampler:
    return CheckedSampler(SimpleNamespace(predict=lambda s: belief(s).mean, **methods), "s")  # type: ignore[arg-type]


def state(benchmarks: int = 1) -> StudyState:
    shape = (1, benchmarks, 3)
    return StudyState(np.zeros((*shape[1:], 2)), np.full((1, 3), Status.OPEN), np.full(shape, np.nan), 3)


def test_a_run_that_tells_two_apart_teaches_more_than_one_whose_outcome_is_known() -> None:
    believer = sampler(belief=belief)
    now = belief(state()).best.max()
    after = [expected_sureness(believer, state(), choice)[0] for choice in range(3)]
    assert after[0] > after[1] > now + 0.02
    assert after[2] == pytest.approx(now, abs=0.02)


def test_what_is_certain_already_teaches_nothing() -> None:
    believer = sampler(belief=belief)
    told = state()
    told.results[0, 0, :2] = [50.0, 51.0]
    told.status[0, :2] = Status.DONE
    assert expected_sureness(believer, told, 2)[0] == pytest.approx(1.0, abs=0.01)


def test_the_state_is_left_as_it_was() -> None:
    fresh = state(2)
    assert expected_sureness(sampler(belief=belief), fresh, 0).shape == (2,)
    assert np.isnan(fresh.results).all()
    assert (fresh.status == Status.OPEN).all()


def test_prospects_are_in_the_benchmarks_own_direction() -> None:
    up, down = prospects(sampler(belief=belief), state(2), 0, ("acc", "wer"), np.array([1.0, -1.0])).values()
    assert up.interval == (pytest.approx(50 - 1.2816 * 3, abs=1e-3), pytest.approx(50 + 1.2816 * 3, abs=1e-3))
    assert down.predicted == -50
    assert down.interval == (pytest.approx(-53.845, abs=1e-3), pytest.approx(-46.155, abs=1e-3))
    assert down.best == up.best
    assert down.sure is not None
    assert down.sure < down.sure_after


def test_a_sampler_without_beliefs_promises_what_it_predicts_and_no_more() -> None:
    (prospect,) = prospects(sampler(), state(), 0, ("acc",), np.ones(1)).values()
    assert (prospect.standard_error, prospect.interval, prospect.best) == (None, None, None)
    assert (prospect.sure, prospect.sure_after) == (None, None)
