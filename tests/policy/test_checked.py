"""A sampler is anyone's code: whatever it does, it is named, and neither a study nor a replay is the worse for it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from visionlaw.errors import MissingDependencyError, PluginError, StudyError
from visionlaw.policy.belief import Belief
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.samplers import RandomSampler
from visionlaw.policy.state import Past, Status, StudyState
from visionlaw.specs import SamplerSpec

if TYPE_CHECKING:
    from tests.conftest import Outcome

RNG = np.random.default_rng(0)


def state(*status: Status, trials: int = 1) -> StudyState:
    each = np.tile(np.array(status, dtype=np.int64), (trials, 1))
    return StudyState(
        np.random.default_rng(1).random((2, len(status), 2)), each, np.full((trials, 2, len(status)), 1.0), 4
    )


ONE = state(Status.DONE, Status.OPEN, Status.FAILED)
TWO = state(Status.DONE, Status.OPEN, Status.FAILED, trials=2)


def sampler(**answers: Callable[..., Any]) -> CheckedSampler:
    """A sampler whose methods are the functions given."""
    methods = {name: (lambda self, *arguments, f=function: f(*arguments)) for name, function in answers.items()}
    return CheckedSampler(type("Made", (RandomSampler,), methods)(), "acme/s?x=1")


@pytest.mark.parametrize(
    ("here", "answer", "complaint"),
    [
        (ONE, [0], r"chose 0, which is not an open candidate"),
        (ONE, [3], r"chose 3, which"),
        (ONE, [-1], r"chose -1, which"),
        (ONE, [-2], r"chose -2, which"),
        (TWO, [1, 2], r"chose 2 in trial 1, which"),
        (ONE, [1.0], r"chose with an array \(1,\) of float64, not \(1,\) of integers"),
        (ONE, [[1]], r"chose with an array \(1, 1\)"),
        (TWO, [1], r"chose with an array \(1,\) of int64, not \(2,\)"),
        (ONE, None, r"chose with an array \(\) of object"),
        (TWO, [[1], [1, 2]], r"failed: ValueError"),
    ],
)
def test_a_choice_is_an_open_candidate_per_trial(here: StudyState, answer: object, complaint: str) -> None:
    with pytest.raises(PluginError, match=rf"The sampler 'acme/s\?x=1' {complaint}") as caught:
        sampler(ask=lambda state, rng: answer).ask(here, RNG)
    assert caught.value.remedy


def test_where_nothing_is_open_nothing_is_chosen() -> None:
    taken = state(Status.DONE, Status.PENDING)
    assert sampler(ask=lambda state, rng: [-1]).ask(taken, RNG).tolist() == [-1]
    with pytest.raises(PluginError, match="chose 0, which"):
        sampler(ask=lambda state, rng: [0]).ask(taken, RNG)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (np.zeros(3), r"predicted an array \(3,\) instead of \(1, 2, 3\)"),
        (np.full((1, 2, 3), np.inf), r"predicted infinity"),
        (np.full((1, 2, 3), "high"), r"failed: ValueError"),
        ([[[1.0], [1.0, 2.0]]], r"failed: ValueError"),
        (None, r"predicted an array \(\)"),
    ],
)
def test_a_prediction_is_a_number_per_candidate_or_none(answer: object, complaint: str) -> None:
    with pytest.raises(PluginError, match=complaint):
        sampler(predict=lambda state: answer).predict(ONE)
    assert np.isnan(sampler(predict=lambda state: np.full((1, 2, 3), np.nan)).predict(ONE)).all()


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(0), RecursionError("deep")])
@pytest.mark.parametrize("verb", ["ask", "predict", "explain"])
def test_what_a_sampler_raises_is_its_own_failure(verb: str, error: BaseException) -> None:
    def fail(*_: object) -> object:
        raise error

    asked = sampler(**{verb: fail})
    calls = {
        "ask": lambda: asked.ask(ONE, RNG),
        "predict": lambda: asked.predict(ONE),
        "explain": lambda: asked.explain(ONE, 1),
    }
    with pytest.raises(PluginError, match=rf"'acme/s\?x=1' failed: {type(error).__name__}") as caught:
        calls[verb]()
    assert caught.value.__cause__ is error


def test_a_library_that_it_lacks_is_named_with_the_command_that_brings_it() -> None:
    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'botorch'")

    asked = CheckedSampler(sampler(predict=lacking).sampler, "acme/s", "visionlaw-acme")
    with pytest.raises(MissingDependencyError, match=r"The sampler 'acme/s' needs .*'botorch'") as caught:
        asked.predict(ONE)
    assert "pip install --upgrade 'visionlaw-acme'" in caught.value.remedy


def test_what_it_prints_does_not_damage_json(capsys: pytest.CaptureFixture[str]) -> None:
    def chatty(state: StudyState, rng: np.random.Generator) -> list[int]:
        print("thinking")
        return [1]

    assert sampler(ask=chatty).ask(ONE, RNG).tolist() == [1]
    assert capsys.readouterr().out == ""


def test_what_it_says_to_the_user_is_passed_on_and_ctrl_c_stays_what_it_is() -> None:
    for error in (StudyError("Too many candidates.", "Ask for fewer."), KeyboardInterrupt()):

        def fail(*_: object, error: BaseException = error) -> object:
            raise error

        with pytest.raises(type(error)) as caught:
            sampler(ask=fail).ask(ONE, RNG)
        assert caught.value is error


@pytest.mark.parametrize("array", ["points", "status", "results"])
@pytest.mark.parametrize("verb", ["ask", "predict", "explain"])
def test_it_cannot_write_into_what_it_sees(verb: str, array: str) -> None:
    def write(state: StudyState, *_: object) -> None:
        getattr(state, array)[:] = 0

    fresh = state(Status.DONE, Status.OPEN, Status.FAILED)
    asked = sampler(**{verb: write})
    with pytest.raises(PluginError, match="read-only"):
        asked.explain(fresh, 1) if verb == "explain" else asked.ask(fresh, RNG) if verb == "ask" else asked.predict(
            fresh
        )
    assert fresh.status.tolist() == ONE.status.tolist()
    assert (fresh.results == 1.0).all()


@pytest.mark.parametrize(
    "array", ["past.points", "past.results", "past.candidates", "past.identity", "costs", "weights"]
)
@pytest.mark.parametrize("verb", ["belief", "chance_of_better"])
def test_it_cannot_write_into_what_it_builds_on(verb: str, array: str) -> None:
    def write(state: StudyState, *_: object) -> None:
        operator.attrgetter(array)(state)[...] = 0

    past = Past(np.ones((1, 2, 2)), np.ones((1, 2)), np.ones((2, 3, 2)), np.ones(3, dtype=np.int64))
    fresh = replace(state(Status.DONE, Status.OPEN, Status.OPEN), past=past, costs=np.ones(3), weights=np.ones(2))
    asked = sampler(**{verb: write})
    with pytest.raises(PluginError, match="read-only"):
        asked.belief(fresh) if verb == "belief" else asked.chance_of_better(fresh, 0.0)
    assert (operator.attrgetter(array)(fresh) == 1).all()


@pytest.mark.parametrize("own", [None, "", "  \n", 0])
def test_without_a_reason_of_its_own_it_chose(own: object) -> None:
    assert sampler(explain=lambda state, choice: own).explain(ONE, 1) == "The sampler 'acme/s?x=1' chose it."


def test_it_is_called_by_its_id_or_its_class() -> None:
    spec = SamplerSpec(id="acme/s", target="acme:S")
    assert CheckedSampler.of(RandomSampler(spec)).name == "acme/s"
    assert CheckedSampler.of(RandomSampler()).name == "RandomSampler"
    checked = CheckedSampler(RandomSampler(spec), "acme/s?x=1")
    assert CheckedSampler.of(checked) is checked


@pytest.mark.parametrize("mood", ["key", "type", "exit"])
def test_a_sampler_that_raises_is_the_same_users_error_in_ask_and_in_replay(
    cli: Callable[..., Outcome], installed: Callable[..., None], tmp_path: Any, mood: str
) -> None:
    from visionlaw.spacefile import default_path

    installed("moody_samplers")
    name = f"moody/raises?mood={mood}"
    shipped = default_path().read_text(encoding="utf-8")
    (tmp_path / "registry.toml").write_text(shipped.replace('sampler = "bayes"', f'sampler = "{name}"'))
    for verb in (("ask",), ("replay", "--sampler", "region", "--sampler", name, "--trials", "2")):
        done = cli("policy", *verb)
        assert (done.code, done.out) == (2, ""), done.err
        assert done.err.startswith(f"Error: The sampler '{name}' failed: ")
        assert len(done.err.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["registry.toml"]


def belief(mean: float = 1.0, error: float = 0.1, best: float = 0.5, shape: tuple[int, ...] = (1, 2, 3)) -> Belief:
    return Belief(np.full(shape, mean), np.full(shape, error), np.full(shape, best))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (np.ones((1, 2, 3)), "believes a ndarray instead of a Belief"),
        (belief(shape=(2, 3)), r"believes mean of shape \(2, 3\)"),
        (belief(mean=np.inf), "believes an infinite mean"),
        (belief(error=-0.1), "believes a negative standard error"),
        (belief(best=1.5), "believes in a chance outside 0–1"),
    ],
)
def test_a_belief_is_one(answer: object, complaint: str) -> None:
    with pytest.raises(PluginError, match=complaint):
        sampler(belief=lambda state: answer).belief(ONE)


def test_a_sampler_without_beliefs_ranks_by_its_predictions() -> None:
    mean = np.array([[[1.0, 3.0, 2.0], [3.0, 2.0, 1.0]]])
    assert (sampler(predict=lambda state: mean).belief(ONE).merit() == mean).all()


def test_chances_rank_where_they_are_known() -> None:
    known = Belief(np.array([[1.0, 2.0]]), np.array([[0.1, 0.1]]), np.array([[0.7, 0.3]]))
    assert known.merit().tolist() == [[0.7, 0.3]]
