from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from visionlaw.errors import DataError, PluginError, StudyError
from visionlaw.law.tables import LawTable, load_table
from visionlaw.modes import Mode
from visionlaw.policy.replay import Replay, replay
from visionlaw.policy.reproduce import reproduce_policy
from visionlaw.policy.samplers import RandomSampler, RegionSampler
from visionlaw.policy.state import Status, StudyState
from visionlaw.protocols import Sampler

ICLR, COLM = load_table("iclr2025"), load_table("colm2025")


class Scripted:
    """Trains candidates in a given order and predicts given values, NaN until ``since`` finetunings."""

    def __init__(self, order: Sequence[Any] = (), prediction: ArrayLike | None = None, since: int = 0) -> None:
        self.order, self.prediction, self.since = order, prediction, since

    def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
        done = (state.status == Status.DONE).sum(axis=1)
        return np.array([self.order[n] for n in done])

    def predict(self, state: StudyState) -> np.ndarray:
        if self.prediction is None or (state.status[0] == Status.DONE).sum() < self.since:
            return np.full(state.results.shape, np.nan)
        return np.broadcast_to(np.asarray(self.prediction, dtype=float), state.results.shape)


class InOrder:
    """Trains the candidates in the order of the table and predicts that the first is best."""

    def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
        return np.where(state.open.any(axis=1), state.open.argmax(axis=1), -1)

    def predict(self, state: StudyState) -> np.ndarray:
        return np.broadcast_to(-np.arange(state.candidates, dtype=float), state.results.shape)


def _table(performance: ArrayLike, benchmarks: tuple[str, ...] = ("one",)) -> LawTable:
    y = np.atleast_2d(np.asarray(performance, dtype=float))
    b, k = y.shape
    rng = np.random.default_rng(0)
    names = tuple(benchmarks) if len(benchmarks) == b else tuple(f"b{i}" for i in range(b))
    return LawTable(
        "mine", tuple(f"s{i}" for i in range(k)), names, rng.random((b, k)), rng.random((b, k)), y,
        "unspecified", ("other",) * b,
    )  # fmt: skip


def _fixed(result: Replay) -> dict[str, Any]:
    return result.as_dict()["fixed_budget"]


def test_json_has_exactly_the_promised_keys() -> None:
    figures = replay(ICLR, RegionSampler(), budget=3, trials=20).as_dict()
    assert list(figures) == ["law", "sampler", "mode", "prior", "fixed_budget", "intervals", "first_hit"]
    metrics = ["recall@1", "recall@3", "recall@3 within noise", "found", "regret"]
    assert list(figures["fixed_budget"]) == list(figures["intervals"]) == metrics
    assert list(figures["first_hit"]) == list(ICLR.benchmarks)
    assert {len(v) for part in ("fixed_budget", "first_hit") for v in figures[part].values()} == {4}
    assert json.loads(json.dumps(figures)) == figures


def test_each_metric_on_a_scripted_policy() -> None:
    """The optimum is s1 (100). Order of training s0 (50), s1, s2; predicted from n = 1 on in the place 2 of 5."""
    table = _table([50, 100, 80, 20, 10])
    result = replay(table, Scripted([0, 1, 2], [9, 8, 7, 6, 5], since=1), budget=3, trials=10)
    fixed = _fixed(result)
    assert fixed["recall@1"] == pytest.approx([1 / 5, 0, 0, 0])
    assert fixed["recall@3"] == pytest.approx([3 / 5, 1, 1, 1])
    assert fixed["found"] == [0, 0, 1, 1]
    assert fixed["regret"] == pytest.approx([(50 + 0 + 20 + 80 + 90) / 5, 50, 0, 0])
    assert result.as_dict()["first_hit"] == {"one": [0, 1, 1, 1]}


def test_first_hit_stays_when_the_prediction_turns_away() -> None:
    class Fickle(Scripted):
        def predict(self, state: StudyState) -> np.ndarray:
            good = np.array([0.0, 9, 0, 0, 0])
            hit = (state.status[0] == Status.DONE).sum() == 1
            return np.broadcast_to(good if hit else -good, state.results.shape)

    result = replay(_table([50, 100, 80, 20, 10]), Fickle([0, 2, 3]), budget=3, trials=5)
    assert _fixed(result)["recall@3"] == [0, 1, 0, 0]
    assert result.first_hit()[0].tolist() == [0, 1, 1, 1]


def test_a_prior_counts_from_no_finetuning_on() -> None:
    result = replay(_table([50, 100, 80, 20, 10]), Scripted([0], [0, 9, 5, 1, 2]), budget=0, trials=5)
    assert (result.first_hit(1)[0, 0], _fixed(result)["regret"]) == (1, [0])


def test_ties_and_missing_predictions_are_broken_at_random() -> None:
    tied = replay(_table([9, 1, 1, 1, 1, 1]), Scripted([0], [5, 5, 5, 5, 0, 0]), budget=0, trials=8000)
    assert tied.recall(1)[0, 0] == pytest.approx(1 / 4, abs=0.02)
    silent_about_it = [np.nan, 5, np.nan, np.nan, np.nan, np.nan]
    missing = replay(_table([9, 1, 1, 1, 1, 1]), Scripted([0], silent_about_it), budget=0, trials=8000)
    assert missing.recall(1)[0, 0] == 0
    assert missing.recall(3)[0, 0] == pytest.approx(2 / 5, abs=0.02)


def test_any_of_several_optima_counts() -> None:
    table = _table([9, 9, 1, 1, 1])
    result = replay(table, Scripted([1, 0], [0, 5, 4, 3, 2]), budget=1, trials=5)
    assert (_fixed(result)["recall@1"], _fixed(result)["found"]) == ([1, 1], [0, 1])
    silent = replay(table, Scripted([1]), budget=0, trials=5)
    assert silent.recall(3)[0, 0] == pytest.approx(1 - 1 / 10)


def test_random_sampling_finds_in_proportion() -> None:
    found = _fixed(replay(ICLR, RandomSampler(), budget=13, trials=2000))["found"]
    assert found == pytest.approx(np.arange(14) / 13, abs=0.02)
    assert found[-1] == 1


def test_joint_mode_trains_once_for_all_benchmarks() -> None:
    table = _table([[9, 1, 1, 1], [1, 9, 1, 1]])
    single = replay(table, RandomSampler(), budget=2, trials=4000, mode=Mode.SINGLE).course.found
    joint = replay(table, RandomSampler(), budget=2, trials=4000, mode=Mode.JOINT).course.found
    both = (single[:, 0, 1] & single[:, 1, 1]).mean(), (joint[:, 0, 1] & joint[:, 1, 1]).mean()
    assert both == (pytest.approx(1 / 16, abs=0.02), 0)


def test_noise_misleads_the_recommendation_and_the_truth_judges() -> None:
    table = _table([100, 99.5, 99, 98.5, 98])
    for noise, spread in ((0.0, 0.0), (0.05, 1.0)):
        regret = _fixed(replay(table, InOrder(), budget=5, trials=4000, noise=noise))["regret"]
        assert regret[1] == 0
        assert (regret[5] > 0) == (spread > 0)
        assert regret[5] <= 1.0


def test_two_samplers_meet_the_same_noise() -> None:
    order = list(range(13))
    one, two = (replay(ICLR, Scripted(order, np.full(13, v)), 13, 50, noise=0.1) for v in (1, 2))
    assert _fixed(one)["regret"][13] == _fixed(two)["regret"][13] > 0


def test_the_seed_decides() -> None:
    def figures(seed: int) -> dict[str, Any]:
        return replay(ICLR, RegionSampler(), 4, 100, seed, noise=0.02, subspace=(6, 9)).as_dict()

    assert figures(1) == figures(1)
    assert figures(1) != figures(2)


def test_a_subspace_is_normalised_inside_itself() -> None:
    seen = []

    class Watcher(RandomSampler):
        def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
            seen.append(state.points)
            return super().ask(state, rng)

    replay(ICLR, Watcher(), budget=1, trials=60, subspace=(5, 8))
    assert {points.shape[2] for points in seen} == {5, 6, 7, 8}
    assert sum(points.shape[0] for points in seen) == 60 * 8
    for points in seen:
        assert (points.min(axis=2) == 0).all()
        assert (points.max(axis=2) == 1).all()


def test_a_trial_whose_settings_are_used_up_rests() -> None:
    fixed = _fixed(replay(ICLR, RandomSampler(), budget=9, trials=50, subspace=(5, 5)))
    assert fixed["found"][5:] == [1] * 5
    assert fixed["regret"][5:] == [0] * 5


def test_pieces_that_fit_the_memory_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replay(ICLR, Scripted(list(range(13)), np.arange(13)), 4, 90, noise=0.1).as_dict()
    monkeypatch.setattr("visionlaw.policy.replay.CHUNK", 13 * 8 * 7)
    assert replay(ICLR, Scripted(list(range(13)), np.arange(13)), 4, 90, noise=0.1).as_dict() == whole


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (Scripted([0, 0]), "chose 0 in trial 0, which is not an open candidate"),
        (Scripted([99, 0]), "chose 99 in trial 0"),
        (Scripted([-1, 0]), "chose -1 in trial 0"),
        (Scripted([0.5, 0]), "chose with an array .* of float64"),
        (Scripted([[0], [1]]), "chose with an array"),
    ],
)
def test_a_sampler_that_chooses_nonsense_is_named(sampler: Sampler, message: str) -> None:
    with pytest.raises(PluginError, match=f"The sampler 'Scripted' {message}"):
        replay(ICLR, sampler, budget=2, trials=3)


def test_a_sampler_that_predicts_the_wrong_shape_is_named() -> None:
    class Flat(RandomSampler):
        def predict(self, state: StudyState) -> np.ndarray:
            return np.zeros(state.candidates)

    with pytest.raises(PluginError, match="The sampler 'Flat' predicted"):
        replay(ICLR, Flat(), budget=2, trials=3)


def test_a_sampler_cannot_write_into_the_study() -> None:
    class Cheat(RandomSampler):
        def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
            state.status[:] = Status.OPEN
            return super().ask(state, rng)

    with pytest.raises(PluginError, match=r"'Cheat' failed: ValueError: .* read-only"):
        replay(ICLR, Cheat(), budget=2, trials=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": 14}, "A budget of 14 is impossible with 13 settings"),
        ({"budget": -1}, "A budget of -1"),
        ({"trials": 0}, "0 trials"),
        ({"mode": "both"}, "'both' is not a mode"),
        ({"noise": -0.1}, "A noise of -0.1"),
        ({"noise": float("nan")}, "A noise of nan"),
        ({"subspace": (3, 8)}, "A subspace of 3:8"),
        ({"subspace": (9, 8)}, "A subspace of 9:8"),
        ({"subspace": (5, 14)}, "A subspace of 5:14"),
    ],
)
def test_impossible_questions(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        replay(ICLR, RegionSampler(), **{"budget": 4, "trials": 5, **arguments})
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (_table([1, 2, np.nan, 4, 5]), "'s2' has no result on 'one'"),
        (_table([1, 2, 3]), "holds 3 settings"),
        (_table([0, -1, -2, -3]), "the best performance on 'one' is 0"),
    ],
)
def test_tables_that_cannot_be_replayed(table: LawTable, message: str) -> None:
    with pytest.raises(DataError, match=message):
        replay(table, RegionSampler(), budget=1, trials=5)


# Golden figures: PROTOCOLS §5, "our re-run", within .03.

GOLDEN = json.loads((Path(__file__).parents[1] / "golden.json").read_text(encoding="utf-8"))
FIRST_HIT, FIXED_BUDGET = GOLDEN["first_hit"], GOLDEN["fixed_budget_from_n2"]


@pytest.fixture(scope="module")
def region() -> dict[str, Replay]:
    return {table.name: replay(table, RegionSampler(), budget=8, trials=2000, seed=0) for table in (ICLR, COLM)}


@pytest.mark.parametrize("table", FIXED_BUDGET)
def test_fixed_budget_of_the_papers_policy(region: dict[str, Replay], table: str) -> None:
    assert _fixed(region[table])["recall@3"][2:] == pytest.approx(FIXED_BUDGET[table], abs=0.03)


@pytest.mark.parametrize("benchmark", FIRST_HIT)
def test_first_hit_of_the_papers_policy(region: dict[str, Replay], benchmark: str) -> None:
    n, share = FIRST_HIT[benchmark]
    assert region["iclr2025"].as_dict()["first_hit"][benchmark][n] == pytest.approx(share, abs=0.03)


def test_seedbench_needs_a_fourth_finetuning(region: dict[str, Replay]) -> None:
    assert region["iclr2025"].as_dict()["first_hit"]["seedbench"][4] == pytest.approx(0.864, abs=0.03)


@pytest.mark.parametrize("table", [ICLR, COLM], ids=lambda t: t.name)
def test_random_sampling_has_found_the_optimum_in_proportion(table: LawTable) -> None:
    found = _fixed(replay(table, RandomSampler(), budget=4, trials=4000))["found"][4]
    assert found == pytest.approx(4 / len(table.settings), abs=0.015)


@pytest.mark.parametrize(
    ("table", "by_A", "by_both"), [(ICLR, 0.50, 0.88), (COLM, 0.75, 0.63)], ids=lambda v: str(v)[:4]
)
def test_a_third_party_sampler_that_ranks_without_training(table: LawTable, by_A: float, by_both: float) -> None:
    """The trivial baselines of PROTOCOLS §5 at n = 0, as anyone would write them."""

    class Weighted(RandomSampler):
        def __init__(self, weight: float) -> None:
            self.weight = weight

        def predict(self, state: StudyState) -> np.ndarray:
            return state.points[..., 0] + self.weight * state.points[..., 1]

    for weight, expected in ((0, by_A), (0.5, by_both)):
        recall = _fixed(replay(table, Weighted(weight), budget=0, trials=400))["recall@3"]
        assert recall == pytest.approx([expected], abs=0.006)


def test_reproduction_puts_published_and_both_counts_side_by_side() -> None:
    figures = reproduce_policy(trials=1000)
    mean = figures["iclr2025"]["first_hit_table"]["mean"]
    assert mean["n"] == pytest.approx(3.88, abs=0.01)
    assert mean["published"] == 0.8969
    assert mean["first_hit"] == pytest.approx(0.8969, abs=0.03)
    assert mean["fixed_budget"] < 0.8
    figure_four = figures["colm2025"]["figure_four"]
    assert figure_four["region"]["published"] == 0.8772
    assert figure_four["random"]["found"] == pytest.approx(figure_four["random"]["published"], abs=0.02)
    assert json.loads(json.dumps(figures)) == figures


def test_the_result_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        replay(ICLR, RandomSampler(), 1, 5).law = "other"
