"""What a reason says must be true of the state it was made from."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.policy.reasons import random_reason, region_reason, situation
from visionlaw.policy.samplers import RandomSampler, RegionSampler
from visionlaw.policy.state import Status, StudyState

CORNERS = np.array([[[0.1, 0.1], [0.2, 0.9], [0.9, 0.9], [0.95, 0.8], [1.0, 1.0]]])


def state(*status: Status, points: np.ndarray = CORNERS, results: np.ndarray | None = None) -> StudyState:
    k = points.shape[1]
    known = np.full((1, len(points), k), np.nan) if results is None else results
    return StudyState(points, np.array([[*status, *[Status.OPEN] * (k - len(status))]]), known, 3)


def test_it_counts_the_unexplored_regions_and_names_the_drawn_one() -> None:
    said = region_reason(state(Status.DONE), 2)
    assert "2×2: of 3 regions with candidates, 2 have open ones and nothing trained" in said
    assert "A in the upper half and C in the upper half" in said
    assert "3 open candidates" in said
    assert "A in the lower half and C in the upper half" in region_reason(state(Status.DONE), 1)


def test_a_failed_run_explores_nothing_and_a_pending_one_does() -> None:
    for status, count in ((Status.FAILED, "3 have"), (Status.PENDING, "2 have")):
        assert count in region_reason(state(Status.OPEN, Status.OPEN, status), 1)


def test_it_goes_to_the_level_that_the_choice_needs() -> None:
    taken = state(Status.DONE, Status.DONE, Status.DONE)
    assert "8×8" in region_reason(taken, 3)
    assert "A in 88%–100% and C in 75%–88%" in region_reason(taken, 3)


def test_candidates_that_coincide_with_a_trained_one_are_said_to() -> None:
    same = np.zeros((1, 2, 2))
    assert "same A and C" in region_reason(state(Status.DONE, points=same), 1)


@given(
    seed=st.integers(0, 2**32),
    status=st.lists(st.sampled_from(list(Status)), min_size=9, max_size=9),
)
def test_whatever_region_sampling_chooses_was_unexplored_as_it_says(seed: int, status: list[Status]) -> None:
    rng = np.random.default_rng(seed)
    here = state(*status, points=rng.random((2, 10, 2)))
    choice = int(RegionSampler().ask(here, rng)[0])
    said = RegionSampler().explain(here, choice)
    assert said == region_reason(here, choice)
    assert "it drew the one" in said
    assert f"Drawn at random from {int(here.open.sum())} open" in RandomSampler().explain(here, choice)


def test_chance_says_only_that_it_was_chance() -> None:
    assert random_reason(state(Status.DONE), 1) == "Drawn at random from 4 open candidates."
    assert random_reason(state(*[Status.DONE] * 4), 4) == "Drawn at random from 1 open candidate."


def test_the_situation_tells_place_neighbour_and_expectation() -> None:
    results = np.array([[[-3.0, -5.0, np.nan, np.nan, np.nan]]])
    mean = np.array([[-3.0, -5.0, -4.0, -3.5, -2.0]])
    said = situation(
        state(Status.DONE, Status.DONE, results=results), 2, ["a", "b", "c", "d", "e"], ["wer"], mean, np.array([-1.0])
    )
    assert said == (
        "Its A is at 90% and its C at 90% of the candidates' range; the nearest trained or running is b. "
        "2 results so far: the law expects 4 on wer, rank 4 of 5 by expectation."
    )
