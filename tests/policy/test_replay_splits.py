from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visionlaw.errors import DataError, StudyError
from visionlaw.law.normalise import min_max
from visionlaw.law.tables import LawTable, load_table
from visionlaw.modes import Mode
from visionlaw.policy.replay import replay
from visionlaw.policy.samplers import RandomSampler, RegionSampler
from visionlaw.policy.state import Past, StudyState

ICLR, COLM = load_table("iclr2025"), load_table("colm2025")


class Witness(RandomSampler):
    """Trains at random, and keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[StudyState] = []

    def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
        self.states.append(replace(state, status=state.status.copy(), results=state.results.copy()))
        return super().ask(state, rng)

    @property
    def last(self) -> list[StudyState]:
        """The states at the end of each group of trials, in which most is trained."""
        counts = [int((state.status != 0).sum(axis=1).max()) for state in self.states]
        return [state for state, n in zip(self.states, counts, strict=True) if n == max(counts)]


def _seen(table: LawTable, **arguments: Any) -> list[StudyState]:
    witness = Witness()
    replay(table, witness, **{"budget": 4, "trials": 6, **arguments})
    return witness.last


def _past(state: StudyState) -> Past:
    assert state.past is not None
    return state.past


def _told(state: StudyState) -> np.ndarray:
    """The results that a state holds, each a number that appears on one benchmark of the table only."""
    return state.results[np.isfinite(state.results)]


def _distinct(table: LawTable) -> LawTable:
    """The table with performances that all differ, so that where a number comes from can be told."""
    rng = np.random.default_rng(0)
    return replace(table, performance=table.performance + rng.random(table.performance.shape) * 1e-6)


def test_without_a_prior_a_sampler_is_told_nothing() -> None:
    assert all(state.past is None for state in _seen(ICLR))


@pytest.mark.parametrize("subspace", [None, (8, 12)])
def test_leaving_a_benchmark_out_shows_all_others_and_never_it(subspace: tuple[int, int] | None) -> None:
    table = _distinct(ICLR)
    seen = _seen(table, prior="leave-one-benchmark-out", subspace=subspace)
    replayed = set()
    for state in seen:
        past = _past(state)
        assert past.results.shape == (7, 13)
        own = next(b for b, row in enumerate(table.performance) if row[past.identity[0, 0]] not in past.results)
        assert np.array_equal(past.results, np.delete(table.performance, own, axis=0))
        assert not np.isin(_told(state), past.results).any()
        assert np.isin(_told(state), table.performance[own]).all()
        replayed.add(own)
    assert replayed == set(range(8))


def test_the_past_names_the_candidates_and_puts_them_on_its_scale() -> None:
    points = ICLR.points()
    for own, state in enumerate(_seen(ICLR, prior="leave-one-benchmark-out")):
        past = _past(state)
        assert np.array_equal(past.identity, np.broadcast_to(np.arange(13), (6, 13)))
        assert np.allclose(past.points, np.delete(points, own, axis=0))
        assert np.allclose(past.candidates, points[own])
    moved = []
    for state in _seen(ICLR, prior="leave-one-benchmark-out", subspace=(6, 9)):
        past = _past(state)
        trials = range(state.trials)
        # Inside a sub-space, the candidates' own scale is another.
        assert all(np.allclose(min_max(past.candidates[t, 0, :, 0]), state.points[t, 0, :, 0]) for t in trials)
        moved.append(not np.allclose(past.candidates, state.points))
    assert any(moved)


def test_a_strict_past_shares_no_setting_with_the_trial() -> None:
    table = _distinct(COLM)
    seen = _seen(table, prior="strict", subspace=(8, 12), trials=5)
    assert len(seen) == 5 * 8
    for state in seen:
        past = _past(state)
        assert state.trials == 1
        assert (past.identity == -1).all()
        assert past.results.shape == (7, 15 - state.candidates)
        columns = [int(np.argwhere(table.performance == value)[0][1]) for value in past.results[0]]
        trained = [int(np.argwhere(table.performance == value)[0][1]) for value in _told(state)]
        assert not set(columns) & set(trained)
        assert past.points.min() == 0
        assert past.points.max() == 1


def test_a_strict_past_scales_candidates_by_what_is_outside() -> None:
    table = replace(COLM, A=np.broadcast_to(np.arange(15.0), (8, 15)), C=np.broadcast_to(np.arange(15.0), (8, 15)))
    for state in _seen(table, prior="strict", subspace=(12, 12), trials=4):
        past = _past(state)
        unit = np.diff(np.sort(past.candidates[0, 0, :, 0])).min()
        span = round(1 / unit)
        kept = np.round(past.points[0, :, 0] * span).astype(int)
        ours = np.round(past.candidates[0, 0, :, 0] * span).astype(int)
        both = np.sort(np.concatenate([kept, ours]))
        assert np.array_equal(both, np.arange(both[0], both[0] + 15))


@pytest.mark.parametrize("subspace", [(13, 13), (12, 12)])
def test_a_strict_past_of_too_few_settings_is_none(subspace: tuple[int, int]) -> None:
    assert all(state.past is None for state in _seen(ICLR, prior="strict", subspace=subspace, trials=2))


def _second(table: LawTable, benchmarks: tuple[str, ...]) -> LawTable:
    """Another table: other benchmarks, the settings in another order, one of them of another name."""
    order = np.arange(len(table.settings))[::-1]
    names = tuple(table.settings[i] for i in order)
    rows = slice(0, len(benchmarks))
    return LawTable(
        "second", ("stranger", *names[1:]), benchmarks, 3 * table.A[rows, order] + 1, table.C[rows, order],
        table.performance[rows, order] + 1000, table.a_definition, table.kinds[rows],
    )  # fmt: skip


@pytest.mark.parametrize("mode", list(Mode))
def test_another_table_as_prior(mode: Mode) -> None:
    other = _second(ICLR, ("pope", "gqa", "mme"))
    for state in _seen(ICLR, prior=other, mode=mode):
        past = _past(state)
        assert set(np.ravel(past.results)) <= set(np.ravel(other.performance))
        assert len(past.results) == (2 if mode == Mode.JOINT or len(past.results) == 2 else 3)
        assert np.array_equal(past.identity[0], [*np.arange(12, 0, -1), -1])
        assert past.candidates.shape == (*state.results.shape, 2)


def test_another_table_loses_only_the_benchmarks_of_the_study() -> None:
    other = _second(ICLR, ("pope", "gqa", "mme"))
    counts = [len(_past(state).results) for state in _seen(ICLR, prior=other)]
    assert counts == [2 if name == "mme" else 3 for name in ICLR.benchmarks]


def test_another_tables_scale_is_that_of_the_same_benchmark_else_the_mean() -> None:
    other = _second(ICLR, ("pope", "gqa", "mme"))
    (state,) = _seen(ICLR, prior=other, mode=Mode.JOINT)
    candidates = _past(state).candidates[0]
    low, high = other.A.min(axis=1), other.A.max(axis=1)
    mme = ICLR.benchmarks.index("mme")
    assert candidates[mme, :, 0] == pytest.approx((ICLR.A[mme] - low[2]) / (high[2] - low[2]))
    assert candidates[0, :, 0] == pytest.approx((ICLR.A[0] - low.mean()) / (high - low).mean())


def test_a_prior_changes_no_sampler_that_ignores_it() -> None:
    """The splits divide the trials into groups; who looks at the present alone does as well in all of them."""
    alone, told = (replay(ICLR, RegionSampler(), 4, 600, prior=prior) for prior in (None, "leave-one-benchmark-out"))
    assert told.recall() == pytest.approx(alone.recall(), abs=0.08)
    assert told.prior == told.as_dict()["prior"] == "leave-one-benchmark-out"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": "leave-one-benchmark-out", "mode": Mode.JOINT}, "In joint mode a finetuning reveals all"),
        ({"prior": "strict", "mode": Mode.JOINT, "subspace": (8, 9)}, "In joint mode a finetuning reveals all"),
        ({"prior": "strict"}, "A strict prior knows only settings outside"),
        ({"prior": "leave-one-out"}, "'leave-one-out' is not a split"),
        ({"prior": COLM}, "A of colm2025 is loglik, that of iclr2025 maxcos"),
        ({"prior": ICLR, "mode": Mode.JOINT}, "iclr2025 holds no benchmark but those replayed"),
    ],
)
def test_priors_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        replay(ICLR, RandomSampler(), 2, 3, **arguments)
    assert caught.value.remedy


def test_an_unfinished_table_is_no_prior() -> None:
    holes = ICLR.performance.copy()
    holes[2, 4] = np.nan
    with pytest.raises(DataError, match="has no result on"):
        replay(ICLR, RandomSampler(), 2, 3, prior=replace(ICLR, performance=holes))


def test_the_same_table_as_prior_is_leaving_one_benchmark_out() -> None:
    one, two = (_seen(ICLR, prior=prior) for prior in ("leave-one-benchmark-out", ICLR))
    for a, b in zip(one, two, strict=True):
        for name in ("points", "results", "candidates", "identity"):
            assert np.allclose(getattr(_past(a), name), getattr(_past(b), name))


def test_every_split_meets_the_same_noise_and_each_benchmark_its_own() -> None:
    everything = {"budget": 13, "trials": 3, "noise": 0.02}
    regret = [replay(ICLR, RandomSampler(), **everything, prior=prior).regret() for prior in (None, ICLR)]
    assert np.array_equal(regret[0][:, 13], regret[1][:, 13])
    (state,) = _seen(ICLR, **{**everything, "budget": 12})
    error = (state.results.reshape(3, 8, 13) / ICLR.performance).reshape(24, 13)
    drawn = error[np.isfinite(error)]
    assert len(np.unique(drawn.round(12))) == len(drawn)
