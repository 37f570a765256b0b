"""What a warm start supposes of candidates that the past has met, and of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visionlaw.policy.bayes.hypotheses import SHARED, Kinship, scenarios, warm
from visionlaw.policy.bayes.unique import unique_trials
from visionlaw.policy.state import Past, Status, StudyState

RNG = np.random.default_rng(2)
POINTS = RNG.random((3, 9, 2))
RESULTS = 40 + 20 * POINTS.sum(axis=-1) + RNG.standard_normal((3, 9))
KNOWN = scenarios(POINTS, RESULTS)
CANDIDATES = POINTS[:1][None]
MET, STRANGE = np.arange(9)[None], np.full((1, 9), -1)


def test_past_results_are_the_centres_where_nothing_is_smoothed() -> None:
    of = warm(Kinship(0.1, 0.0, 0.0), KNOWN, CANDIDATES, MET, 0.0)
    low = RESULTS.min(axis=-1, keepdims=True)
    profiles = (RESULTS - low) / np.ptp(RESULTS, axis=-1, keepdims=True)
    assert of.centres[0, :, 0] == pytest.approx(profiles)


def test_strangers_are_judged_by_the_law_and_doubted_more() -> None:
    law = warm(Kinship(0.1, 1.0, 0.0), KNOWN, CANDIDATES, MET, 0.0)
    strange = warm(Kinship(0.1, 0.0, 0.0), KNOWN, CANDIDATES, STRANGE, 0.0)
    assert strange.centres == pytest.approx(law.centres)
    assert (strange.own_noise**2 + strange.shared_noise**2) == pytest.approx(0.1**2 + KNOWN.misfit**2)


def test_the_law_of_a_past_benchmark_is_that_of_its_results() -> None:
    """Only C matters here, whatever the opinion of a cold study is."""
    of_c = scenarios(POINTS, 40 + 20 * POINTS[..., 1])
    at = np.array([[0.0, 0.5], [1.0, 0.5], [0.5, 0.0], [0.5, 1.0]])
    foretold = warm(Kinship(0.1, 1.0, 0.0), of_c, at[None, None], np.full((1, 4), -1), 0.0).centres[0, :, 0]
    of_a = np.abs(foretold[:, 1] - foretold[:, 0])
    assert (foretold[:, 3] - foretold[:, 2] > 3 * of_a).all()
    assert KNOWN.misfit < 0.1


def test_the_span_of_a_benchmark_is_learnt_from_the_past() -> None:
    far, near = (scenarios(POINTS, 100 - share * 100 * (1 - POINTS[..., 0])).span for share in (0.9, 0.05))
    assert near[0] < far[0] < 0


def test_unsteady_settings_are_doubted_more() -> None:
    shaken = RESULTS.copy()
    shaken[:, 4] += [-15.0, 15.0, -15.0]
    of = warm(Kinship(0.1, 0.0, 0.0), scenarios(POINTS, shaken), CANDIDATES, MET, 0.0)
    assert of.own_noise[0].argmax() == 4
    assert np.sqrt(np.mean(of.own_noise**2 / SHARED)) == pytest.approx(0.1, rel=0.1)


def test_trials_differ_by_whatever_a_sampler_sees() -> None:
    alike = StudyState(np.zeros((2, 1, 3, 2)), np.zeros((2, 3), dtype=np.int64), np.full((2, 1, 3), np.nan), 3)
    past = Past(POINTS, RESULTS, np.zeros((2, 1, 3, 2)), np.zeros((2, 3), dtype=np.int64))
    alike = replace(alike, past=past)
    assert unique_trials(alike)[1].tolist() == [0, 0]
    for name in ("points", "status", "results"):
        other = getattr(alike, name).copy()
        other[1, ..., 0] = Status.DONE
        assert unique_trials(replace(alike, **{name: other}))[1].tolist() == [0, 1]
    for name in ("candidates", "identity"):
        other = getattr(past, name).copy()
        other[1, ..., 0] = 1
        assert unique_trials(replace(alike, past=replace(past, **{name: other})))[1].tolist() == [0, 1]
