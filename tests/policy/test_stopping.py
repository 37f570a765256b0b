"""The stop rule, and the chance it rests on."""

from __future__ import annotations

from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest

from visionlaw.errors import PluginError
from visionlaw.policy.belief import Belief
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.state import Status, StudyState
from visionlaw.policy.stopping import StopRule, stopping

OPEN, PENDING, DONE, FAILED = Status.OPEN, Status.PENDING, Status.DONE, Status.FAILED


def state(status: list[int], results: list[list[float]]) -> StudyState:
    told = np.array(results, dtype=float)[None]
    return StudyState(np.zeros((*told.shape[1:], 2)), np.array([status]), told, 5)


def believing(mean: list[list[float]], error: list[list[float]], **more: object) -> CheckedSampler:
    belief = Belief(np.array([mean]), np.array([error]), np.full((1, *np.shape(mean)), np.nan))
    return CheckedSampler(SimpleNamespace(belief=lambda state: belief, **more), "s")  # type: ignore[arg-type]


def test_the_chance_of_one_candidate_is_the_normal_tail() -> None:
    sampler = believing([[70.0, 69.0]], [[0.0, 2.0]])
    chance = sampler.chance_of_better(state([DONE, OPEN], [[70.0, np.nan]]), 0.01)
    assert chance[0, 0] == pytest.approx(1 - NormalDist().cdf((70.7 - 69.0) / 2.0))


def test_several_may_beat_it_pending_ones_too_but_not_failed_ones() -> None:
    sampler = believing([[70.0, 69.0, 70.0, 90.0]], [[0.0, 2.0, 1.0, 1.0]])
    chance = sampler.chance_of_better(state([DONE, OPEN, PENDING, FAILED], [[70.0] + [np.nan] * 3]), 0.0)
    assert chance[0, 0] == pytest.approx(1 - NormalDist().cdf(0.5) * 0.5)


def test_independence_is_an_upper_bound_where_candidates_resemble_each_other() -> None:
    rng = np.random.default_rng(0)
    mean, error = np.array([69.0, 69.5, 68.0, 69.2]), np.array([1.0, 0.8, 1.5, 0.5])
    correlation = 0.7 + 0.3 * np.eye(4)
    draws = rng.multivariate_normal(mean, correlation * np.outer(error, error), size=20_000)
    true = (draws > 70.0).any(axis=1).mean()
    sampler = believing([[70.0, *mean]], [[0.0, *error]])
    assert sampler.chance_of_better(state([DONE, OPEN, OPEN, OPEN, OPEN], [[70.0] + [np.nan] * 4]), 0.0)[0, 0] >= true


def test_below_zero_a_margin_is_still_upwards() -> None:
    """Where lower is better, results are the negative of what was told."""
    sampler = believing([[-20.0, -20.5]], [[0.0, 1.0]])
    chance = sampler.chance_of_better(state([DONE, OPEN], [[-20.0, np.nan]]), 0.05)
    assert chance[0, 0] == pytest.approx(1 - NormalDist().cdf(-19.0 + 20.5))


def test_it_holds_when_the_chance_is_small_on_every_benchmark() -> None:
    rule, known = StopRule(margin=1.0, chance=0.05), state([DONE, OPEN], [[70.0, np.nan], [50.0, np.nan]])
    stop = stopping(believing([[70.0, 60.0], [50.0, 40.0]], [[0.0, 1.0]] * 2), known, ("mme", "gqa"), rule)
    assert stop.holds
    open_still = stopping(believing([[70.0, 60.0], [50.0, 51.0]], [[0.0, 1.0]] * 2), known, ("mme", "gqa"), rule)
    assert not open_still.holds
    assert open_still.highest == ("gqa", pytest.approx(1 - NormalDist().cdf(-0.5)))


def test_when_all_are_trained_nothing_can_be_better() -> None:
    stop = stopping(believing([[70.0, 60.0]], [[1.0, 1.0]]), state([DONE, DONE], [[70.0, 60.0]]), ("mme",), StopRule())
    assert (stop.holds, stop.chances) == (True, {"mme": 0.0})


def test_without_results_or_beliefs_nobody_knows() -> None:
    untold = stopping(
        believing([[70.0, 60.0]], [[1.0, 1.0]]), state([OPEN, OPEN], [[np.nan] * 2]), ("mme",), StopRule()
    )
    assert (untold.holds, untold.highest, untold.unknown) == (False, None, "no result has been told")
    sure = believing([[70.0, 60.0]], [[1.0, 1.0]], chance_of_better=lambda state, delta: np.ones((1, 1)))
    assert stopping(sure, state([OPEN, OPEN], [[np.nan] * 2]), ("mme",), StopRule()).chances == {"mme": None}
    only_predicts = CheckedSampler(SimpleNamespace(predict=lambda state: state.results), "s")  # type: ignore[arg-type]
    silent = stopping(only_predicts, state([DONE, OPEN], [[70.0, np.nan]]), ("mme",), StopRule())
    assert (silent.holds, silent.unknown) == (False, "the sampler 's' has no beliefs")


def test_a_samplers_own_chance_counts_and_is_checked() -> None:
    asked = []

    def own(state: StudyState, delta: float) -> object:
        asked.append(delta)
        return np.full((1, 1), answer)

    known, sampler = (
        state([DONE, OPEN], [[70.0, np.nan]]),
        believing([[70.0, 99.0]], [[0.0, 1.0]], chance_of_better=own),
    )
    answer: object = 0.25
    assert stopping(sampler, known, ("mme",), StopRule(margin=0.5)).chances == {"mme": 0.25}
    assert asked == [0.005]
    answer = 1 + 1e-7  # a sum of shares, rounded
    assert sampler.chance_of_better(known, 0.0)[0, 0] == 1
    answer = 1.5
    with pytest.raises(PluginError, match="believes in a chance outside 0–1"):
        sampler.chance_of_better(known, 0.0)
    wrong = believing([[70.0, 99.0]], [[0.0, 1.0]], chance_of_better=lambda state, delta: np.zeros(3))
    with pytest.raises(PluginError, match=r"gives chances \(3,\) instead of \(1, 1\)"):
        wrong.chance_of_better(known, 0.0)
