"""The live study, on a real store, as a team would use it over weeks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.errors import InvalidIdError, PluginError, StudyError, UnknownIdError
from visionlaw.modes import Mode
from visionlaw.policy.answers import Suggestion
from visionlaw.policy.candidates import Candidates
from visionlaw.policy.samplers import RandomSampler, RegionSampler
from visionlaw.policy.state import StudyState
from visionlaw.policy.study import Study
from visionlaw.store import Store
from visionlaw.store.studies import StudySettings

NAMES = tuple(f"net/{letter}@224" for letter in "abcdefgh")
OPTIONS = {
    "name": "default",
    "sampler": "region",
    "mode": Mode.JOINT,
    "benchmarks": ("mme", "gqa"),
    "budget": 5,
    "seed": 0,
    "scores": "table.csv",
    "a_definition": "maxcos",
}
Open = Callable[..., Study]


def candidates(names: tuple[str, ...] = NAMES, unscored: tuple[str, ...] = ()) -> Candidates:
    """Each name has an A and C of its own, whatever others there are."""
    rows = [np.random.default_rng(list(name.encode())).random((2, 2)) for name in names]
    A, C = (np.array([row[i] for row in rows]).T for i in (0, 1))
    lacking = [name in unscored for name in names]
    A[:, lacking] = np.nan
    return Candidates(
        names, ("mme", "gqa"), A, C, "maxcos", (("table.csv",) * 2,) * 2, (("align {}",) * 2, ("score {}",) * 2)
    )


def canonical(text: str) -> str:
    if text == "Net A":
        return NAMES[0]
    if " " in text:
        raise InvalidIdError(f"'{text}' is not an id.")
    return text


@pytest.fixture
def study(tmp_path: Path) -> Open:
    def open_study(rule: object = None, create: bool = True, **changes: object) -> Study:
        space = changes.pop("candidates", None) or candidates()
        return Study(
            Store.open(tmp_path / "results.sqlite", create),
            StudySettings(**{**OPTIONS, **changes}),  # type: ignore[arg-type]
            space,  # type: ignore[arg-type]
            rule or RegionSampler(),  # type: ignore[arg-type]
            canonical=canonical,
            names=("Net A",),
        )

    return open_study


class MeanSampler:
    """Takes the first open candidate, and expects the mean of the results everywhere."""

    def __init__(self) -> None:
        self.seen: list[StudyState] = []

    def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
        self.seen.append(state)
        return state.open.argmax(axis=-1)

    def predict(self, state: StudyState) -> np.ndarray:
        known = np.isfinite(state.results)
        total = np.where(known, state.results, 0.0).sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return np.broadcast_to(total / known.sum(axis=-1, keepdims=True), state.results.shape)


class ModelSampler(MeanSampler):
    """Expects 100 · A of the first benchmark, once anything is known."""

    def predict(self, state: StudyState) -> np.ndarray:
        A = state.points.reshape(-1, 2, state.candidates, 2)[0, :, :, 0]
        return np.broadcast_to(100 * A, state.results.shape)


def names(suggestions: Iterable[Suggestion]) -> list[str]:
    return [suggestion.representation for suggestion in suggestions]


# Asking


def test_nothing_is_asked_twice_and_the_budget_ends_it(study: Open) -> None:
    asked = names(study().ask(3)) + names(study().ask(2))
    assert len(set(asked)) == 5
    assert set(asked) <= set(NAMES)
    with pytest.raises(StudyError, match=r"has 0 of its 5 finetunings left to ask for, not 1\..*raise budget"):
        study().ask()


def test_asking_for_more_than_is_left_asks_for_nothing(study: Open) -> None:
    study().ask(4)
    with pytest.raises(StudyError, match="has 1 of its 5"):
        study().ask(2)
    assert study().status().asked == 4


def test_asking_for_several_is_asking_several_times_and_a_restart_repeats_nothing(study: Open) -> None:
    at_once = names(study(name="at once").ask(5))
    opened = study(name="one by one")
    one_by_one = [names(opened.ask())[0] for _ in range(5)]
    restarted = [names(study(name="restarted").ask())[0] for _ in range(5)]
    assert at_once == one_by_one == restarted


def test_the_seed_decides_chance(study: Open) -> None:
    sequences = {tuple(names(study(RandomSampler(), name=f"s{s}", seed=s).ask(5))) for s in range(6)}
    assert len(sequences) > 1


def test_two_open_studies_of_one_name_never_ask_for_the_same(study: Open) -> None:
    first, second = study(budget=8), study(budget=8)
    asked = [names(one.ask())[0] for _ in range(4) for one in (first, second)]
    assert sorted(asked) == sorted(NAMES)


def test_while_a_sampler_thinks_others_may_change_the_study_and_it_thinks_again(study: Open) -> None:
    """Also a proof that no lock is held: the other process would wait for it in vain."""

    class Slow(MeanSampler):
        def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
            if not self.seen:
                assert names(study(MeanSampler()).ask()) == [NAMES[0]]
                study().tell(NAMES[1], {"mme": 7.0})
            return super().ask(state, rng)

    slow = Slow()
    first, second = study(slow).ask(2)
    assert names((first, second)) == [NAMES[2], NAMES[3]]
    assert (first.position, second.position) == (1, 2)
    assert "the law expects 7 on mme" in first.reason
    assert [int(state.open.sum()) for state in slow.seen] == [8, 7, 6, 5]
    assert study().status().asked == 3


def test_what_changed_while_a_sampler_thought_may_have_spent_the_budget(study: Open) -> None:
    class Slow(MeanSampler):
        def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
            if not self.seen:
                study(MeanSampler()).ask(4)
            return super().ask(state, rng)

    with pytest.raises(StudyError, match=r"has 1 of its 5 finetunings left to ask for, not 2\."):
        study(Slow()).ask(2)
    assert study().status().asked == 4


def test_when_every_candidate_is_taken_it_says_so(study: Open) -> None:
    opened = study(budget=20)
    opened.ask(8)
    with pytest.raises(StudyError, match="has 0 open candidates"):
        opened.ask()


def test_a_question_must_be_positive(study: Open) -> None:
    with pytest.raises(StudyError, match="makes no sense"):
        study().ask(0)


def test_a_reason_names_the_place_the_neighbour_and_the_expectation(study: Open) -> None:
    first, second = study(MeanSampler()).ask(2)
    assert "nothing has been trained yet" in first.reason
    assert "0 results so far: no performance" in first.reason
    assert f"the nearest trained or running is {NAMES[0]}" in second.reason
    assert first.predicted == {}
    study().tell(NAMES[0], {"mme": 10.0, "gqa": 1.0})
    (third,) = study(MeanSampler()).ask()
    assert "1 result so far: the law expects mean rank" in third.reason
    assert third.predicted == {"mme": 10.0, "gqa": 1.0}


def test_a_sampler_may_give_its_own_reason(study: Open) -> None:
    class Speaking(MeanSampler):
        def explain(self, state: StudyState, choice: int) -> str:
            return f"Candidate {choice} of {state.candidates} has a nice name."

    (suggestion,) = study(Speaking()).ask()
    assert suggestion.reason.startswith("Candidate 0 of 8 has a nice name. Its A is at")
    assert study().status().trials[0].trial.reason == suggestion.reason


@pytest.mark.parametrize("answer", [np.array([-1]), np.array([8]), np.array([0, 1]), np.array([[0]])])
def test_a_sampler_that_chooses_nonsense_is_named_and_nothing_is_asked(study: Open, answer: np.ndarray) -> None:
    class Broken(MeanSampler):
        def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
            return answer

    with pytest.raises(PluginError, match="'acme/s'"):
        study(Broken(), sampler="acme/s").ask()
    assert study(create=False).status().asked == 0


def test_a_sampler_that_chooses_what_is_taken_is_named(study: Open) -> None:
    class Stubborn(MeanSampler):
        def ask(self, state: StudyState, rng: np.random.Generator) -> np.ndarray:
            return np.array([0])

    study(Stubborn()).ask()
    with pytest.raises(PluginError, match="'region' chose 0, which is not an open candidate"):
        study(Stubborn()).ask()


def test_a_sampler_that_raises_is_named(study: Open) -> None:
    class Raising(MeanSampler):
        def predict(self, state: StudyState) -> np.ndarray:
            raise KeyError("x")

    with pytest.raises(PluginError, match=r"'region' failed: KeyError"):
        study(Raising()).rank()


# Telling


def test_the_history_stands_in_the_order_of_asking_with_the_rest_after_it(study: Open) -> None:
    study().tell(NAMES[0], {"mme": 1.0})
    asked = names(study().ask(3))
    study().tell(asked[2], {"mme": 2.0})
    assert [view.trial.representation for view in study().status().trials] == [*asked, NAMES[0]]
    assert [view.trial.position for view in study().status().trials] == [0, 1, 2, None]


def test_a_pending_run_is_done_with_its_first_result(study: Open) -> None:
    (asked,) = study().ask()
    told = study().tell(asked.representation, {"mme": 1500.0}, source="lmms-eval", source_version="0.7")
    assert not told.from_outside
    assert told.missing == ("gqa",)
    (view,) = study().status().trials
    assert (view.trial.status, view.results, view.missing) == ("done", {"mme": 1500.0}, ("gqa",))


def test_a_result_from_outside_counts_as_done_but_not_against_the_budget(study: Open) -> None:
    sampler = MeanSampler()
    assert study().tell(NAMES[0], {"mme": 1.0}).from_outside
    asked = names(study(sampler).ask(5))
    assert NAMES[0] not in asked
    assert study().status().asked == 5
    assert sampler.seen[0].budget == 6  # one is spent already, five are left


def test_telling_another_value_replaces_the_old_one_and_says_so(study: Open) -> None:
    study().tell("Net A", {"mme": 1.0, "gqa": 2.0})
    told = study().tell(NAMES[0], {"mme": 3.0, "gqa": 2.0})
    assert (told.values["mme"].previous, told.values["mme"].replaced) == (1.0, True)
    assert (told.values["gqa"].previous, told.values["gqa"].replaced) == (2.0, False)
    assert study().status().trials[0].results == {"mme": 3.0, "gqa": 2.0}


def test_repeating_a_command_changes_nothing(study: Open, tmp_path: Path) -> None:
    study().tell(NAMES[0], {"mme": 1.0}, source="x")
    study().fail(NAMES[1], "out of memory")

    def content() -> list[str]:
        import sqlite3

        connection = sqlite3.connect(tmp_path / "results.sqlite")
        dump = list(connection.iterdump())
        connection.close()
        return dump

    before = content()
    study().tell(NAMES[0], {"mme": 1.0}, source="x")
    study().fail(NAMES[1], "out of memory")
    assert content() == before


def test_a_failed_run_is_not_asked_for_again_and_a_later_result_mends_it(study: Open) -> None:
    (asked,) = study().ask()
    study().fail(asked.representation, "diverged")
    assert asked.representation not in names(study().ask(4))
    (view, *_) = study().status().trials
    assert (view.trial.status, view.trial.failure) == ("failed", "diverged")
    study().tell(asked.representation, {"mme": 1.0})
    (view, *_) = study().status().trials
    assert (view.trial.status, view.trial.failure) == ("done", "")


def test_what_has_results_cannot_have_failed(study: Open) -> None:
    study().tell(NAMES[0], {"mme": 1.0})
    with pytest.raises(StudyError, match="has results"):
        study().fail(NAMES[0], "no")


@pytest.mark.parametrize("name", ["net/a@225", "net", "net/a", "Net a"])
def test_an_unknown_representation_is_refused_with_a_suggestion(study: Open, name: str) -> None:
    with pytest.raises(UnknownIdError, match="neither in the search space nor in study 'default'"):
        study().tell(name, {"mme": 1.0})
    with pytest.raises(UnknownIdError, match="Did you mean"):
        study().fail("net/a@225", "no")
    assert study().status().trials == ()


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ({}, "No result was given"),
        ({"mem": 1.0}, "Did you mean 'mme'"),
        ({"zzz": 1.0}, "It has mme, gqa"),
        ({"mme": math.nan}, "nan on 'mme' is not a result"),
        ({"mme": 1.0, "gqa": math.inf}, "inf on 'gqa' is not a result"),
    ],
)
def test_what_is_no_result_is_refused_whole(study: Open, results: dict, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        study().tell(NAMES[0], results)
    assert study().status().trials == ()


# A space that changes


def test_late_candidates_join_and_removed_ones_stay_in_the_history(study: Open) -> None:
    few = candidates(NAMES[:2])
    study(candidates=few, budget=8).ask(2)
    study(candidates=few, budget=8).tell(NAMES[0], {"mme": 1.0})
    moved = candidates(NAMES[1:4])
    opened = study(candidates=moved, budget=8)
    assert sorted(names(opened.ask(2))) == sorted(NAMES[2:4])
    status = opened.status()
    assert {v.trial.representation: v.in_space for v in status.trials} == {
        NAMES[0]: False, NAMES[1]: True, NAMES[2]: True, NAMES[3]: True,
    }  # fmt: skip
    opened.tell(NAMES[0], {"gqa": 2.0})  # still known by its history
    assert {row.representation for row in opened.rank().rows} == set(NAMES[1:4])
    assert opened.status().best["mme"] == (NAMES[0], 1.0)


def test_candidates_without_scores_are_listed_but_not_asked_for(study: Open) -> None:
    space = candidates(unscored=NAMES[2:])
    opened = study(candidates=space)
    assert set(names(opened.ask(2))) == set(NAMES[:2])
    with pytest.raises(StudyError, match=rf"0 open candidates, not 1\. 6 more are not scored yet.*align {NAMES[2]}"):
        opened.ask()
    assert [c.representation for c in opened.status().not_scored] == list(NAMES[2:])
    assert {c.missing for c in opened.rank().not_scored} == {("A",)}
    opened.tell(NAMES[2], {"mme": 1.0})  # a result is welcome all the same
    assert len(opened.status().not_scored) == 5
    assert opened.status().best["mme"] == (NAMES[2], 1.0)


def test_sampler_budget_and_scores_may_change_but_not_what_the_history_means(study: Open) -> None:
    study(budget=1).ask()
    study(RandomSampler(), sampler="random", budget=2, scores="store").ask()
    assert study(budget=2).status().asked == 2
    for change in ({"seed": 1}, {"mode": Mode.SINGLE, "benchmarks": ("mme",)}, {"a_definition": "loglik"}):
        with pytest.raises(StudyError, match="was begun with"):
            study(**change)
    assert study(name="another", seed=1).status().asked == 0


@pytest.mark.parametrize("change", [{"benchmarks": ()}, {"mode": Mode.SINGLE}, {"budget": 0}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(study: Open, change: dict) -> None:
    with pytest.raises(StudyError):
        study(**change)


def test_a_refused_change_leaves_no_file(study: Open, tmp_path: Path) -> None:
    class Raising(MeanSampler):
        def explain(self, state: StudyState, choice: int) -> str:
            raise KeyError("x")

    refusals = (
        lambda: study(create=False).ask(6),
        lambda: study(Raising(), create=False).ask(),
        lambda: study(create=False).tell("net/z@1", {"mme": 1.0}),
        lambda: study(create=False).tell(NAMES[0], {"mem": 1.0}),
        lambda: study(create=False).fail("no id", "diverged"),
    )
    for refused in refusals:
        with pytest.raises((StudyError, PluginError, UnknownIdError)):
            refused()
        assert list(tmp_path.iterdir()) == []
    study(create=False).fail(NAMES[0], "diverged")
    study(create=False).tell(NAMES[1], {"mme": 1.0})
    opened = study(create=False)
    (asked,) = opened.ask()
    assert [v.trial.representation for v in opened.status().trials] == [asked.representation, NAMES[0], NAMES[1]]


def test_what_the_history_holds_is_known_by_the_name_it_has_there(study: Open) -> None:
    study(candidates=candidates((*NAMES, "no id any more"))).tell("no id any more", {"mme": 1.0})
    assert study().tell("no id any more", {"mme": 2.0}).values["mme"].previous == 1.0


def test_reading_a_study_that_does_not_exist_leaves_no_file(study: Open, tmp_path: Path) -> None:
    status = study(create=False).status()
    assert (status.begun, status.asked, status.left, len(status.open)) == (False, 0, 5, 8)
    assert study(create=False).rank().rows[0].rank is None
    assert list(tmp_path.iterdir()) == []


# Ranking


def test_fewer_than_two_results_are_no_ranking(study: Open) -> None:
    opened = study(ModelSampler())
    opened.tell(NAMES[0], {"mme": 1.0, "gqa": 1.0})
    opened.tell(NAMES[1], {"mme": 2.0})
    ranking = opened.rank()
    assert ranking.results == {"mme": 2, "gqa": 1}
    assert ranking.notes == ("gqa: 1 result so far; the law ranks from 2 results on.",)
    assert {row.rank is None for row in ranking.rows if row.benchmark == "gqa"} == {True}
    assert {row.predicted is None for row in ranking.rows if row.benchmark == "gqa"} == {True}
    assert [row.rank for row in ranking.rows if row.benchmark == "mme"] == list(range(1, 9))


def test_the_ranking_follows_the_law_and_shows_what_was_observed_beside_it(study: Open) -> None:
    opened = study(ModelSampler())
    for name in NAMES[:3]:
        opened.tell(name, {"mme": 5.0, "gqa": 5.0})
    ranking = opened.rank()
    for benchmark in ("mme", "gqa"):
        rows = [row for row in ranking.rows if row.benchmark == benchmark]
        assert [row.A for row in rows] == sorted((row.A for row in rows), reverse=True)
        assert (rows[0].predicted, rows[-1].predicted) == (100.0, 0.0)
        assert {row.representation: row.observed for row in rows} == {n: 5.0 if n in NAMES[:3] else None for n in NAMES}
    by_name = {row.representation: row.rank for row in ranking.rows if row.benchmark == "mme"}
    other = {row.representation: row.rank for row in ranking.rows if row.benchmark == "gqa"}
    assert ranking.mean_rank == pytest.approx({n: (by_name[n] + other[n]) / 2 for n in NAMES})
    assert list(ranking.mean_rank.values()) == sorted(ranking.mean_rank.values())


def test_lower_is_better_turns_the_order_round_but_not_the_numbers(study: Open) -> None:
    sampler = MeanSampler()
    opened = study(sampler, lower_is_better=("gqa",))
    opened.tell(NAMES[0], {"mme": 10.0, "gqa": 2.0})
    opened.tell(NAMES[1], {"mme": 30.0, "gqa": 4.0})
    (asked,) = opened.ask()
    np.testing.assert_array_equal(sampler.seen[0].results[0, :, :2], [[10.0, 30.0], [-2.0, -4.0]])
    assert asked.predicted == {"mme": 20.0, "gqa": 3.0}
    assert opened.status().best == {"mme": (NAMES[1], 30.0), "gqa": (NAMES[0], 2.0)}
    rows = [row for row in opened.rank().rows if row.benchmark == "gqa"]
    assert {row.predicted for row in rows} == {3.0}
    assert {row.observed for row in rows} == {2.0, 4.0, None}
    ranked = study(ModelSampler(), lower_is_better=("gqa",)).rank()
    predicted = [row.predicted for row in ranked.rows if row.benchmark == "gqa"]
    assert predicted == sorted(predicted)


@given(results=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=8))
@settings(max_examples=25, deadline=None)
def test_the_standard_error_of_a_mean_is_the_textbooks(results: list[float]) -> None:
    with Store.open("sqlite://") as store:
        opened = Study(store, StudySettings(**OPTIONS), candidates(), MeanSampler())  # type: ignore[arg-type]
        for name, value in zip(NAMES, results, strict=False):
            opened.tell(name, {"mme": value})
        ranking = opened.rank()
    n, spread = len(results), np.std(results, ddof=1)
    errors = {row.standard_error for row in ranking.rows if row.benchmark == "mme"}
    assert errors.pop() == pytest.approx(spread / math.sqrt(n), abs=1e-9)
    others = [np.mean(results[:i] + results[i + 1 :]) - value for i, value in enumerate(results)]
    assert ranking.left_out_error["mme"] == pytest.approx(np.sqrt(np.mean(np.square(others))), abs=1e-9)
    assert ranking.left_out_error["gqa"] is None


def test_two_results_have_a_ranking_but_no_standard_error(study: Open) -> None:
    opened = study()
    opened.tell(NAMES[0], {"mme": 1.0})
    opened.tell(NAMES[1], {"mme": 2.0})
    rows = [row for row in opened.rank().rows if row.benchmark == "mme"]
    assert all(row.predicted is not None for row in rows)
    assert all(row.standard_error is None for row in rows)


# The whole


STEP = st.one_of(
    st.just(("ask",)),
    st.tuples(st.just("tell"), st.sampled_from(NAMES), st.sampled_from(["mme", "gqa"]), st.floats(0, 10)),
    st.tuples(st.just("fail"), st.sampled_from(NAMES)),
)


@given(steps=st.lists(STEP, max_size=14))
@settings(max_examples=30, deadline=None)
def test_restarts_change_nothing_and_no_history_makes_it_ask_for_what_it_knows(steps: list[tuple]) -> None:
    def play(step: tuple, opened: Study) -> object:
        try:
            match step:
                case ("ask",):
                    taken = {view.trial.representation for view in opened.status().trials}
                    (asked,) = opened.ask()
                    assert asked.representation not in taken
                    return asked
                case ("tell", name, benchmark, value):
                    return opened.tell(name, {benchmark: value})
                case (_, name):
                    return opened.fail(name, "no").status
        except StudyError as error:
            return str(error)

    with Store.open("sqlite://") as one, Store.open("sqlite://") as other:
        always_open = Study(one, StudySettings(**OPTIONS), candidates(), RegionSampler())  # type: ignore[arg-type]
        for step in steps:
            reopened = Study(other, StudySettings(**OPTIONS), candidates(), RegionSampler())  # type: ignore[arg-type]
            assert play(step, always_open) == play(step, reopened)
        status = always_open.status()
        assert status.asked + status.left == 5
        if steps:
            assert always_open.rank() == reopened.rank()


def test_the_direction_of_a_benchmark_cannot_turn_in_a_study(study: Open) -> None:
    study().tell(NAMES[0], {"gqa": 2.0})
    with pytest.raises(StudyError, match="was begun with lower_is_better = nothing; now it is gqa"):
        study(lower_is_better=("gqa",)).status()


def test_results_that_cannot_enter_the_law_are_named(study: Open) -> None:
    study().tell(NAMES[0], {"mme": 1.0})
    assert study().rank().unused == ()
    without = study(candidates=candidates(NAMES[1:]))
    assert without.rank().unused == (NAMES[0],)
    unscored = study(candidates=candidates(unscored=(NAMES[1],)))
    assert not unscored.tell(NAMES[1], {"mme": 2.0}).enters_law
    assert unscored.rank().unused == (NAMES[1],)
