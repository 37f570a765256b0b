"""Each fault of a sampler is found by exactly the check that is meant for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.belief import Belief
from visionlaw.policy.state import Status, StudyState
from visionlaw.specs import Option, SamplerSpec, Spec

FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


class Good:
    """Draws what is open; expects of each candidate the mean of the results, and a little more of a high A."""

    def __init__(self, spec: SamplerSpec, order: str = "chance") -> None:
        self.order = order

    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        openings = self.openings(state)
        luck = np.where(openings, self.luck(state, rng), -1.0)
        return np.where(openings.any(axis=-1), luck.argmax(axis=-1), -1)

    def openings(self, state: StudyState) -> Any:
        return state.open

    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        return rng.random(state.status.shape)

    def predict(self, state: StudyState) -> Any:
        known = np.isfinite(state.results)
        count = known.sum(axis=-1, keepdims=True)
        total = np.where(known, state.results, 0.0).sum(axis=-1, keepdims=True)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return mean + state.points[..., 0]

    def belief(self, state: StudyState) -> Any:
        mean = self.predict(state)
        return Belief(mean, np.ones(mean.shape), np.full(mean.shape, 1 / mean.shape[-1]))

    def chance_of_better(self, state: StudyState, delta: float) -> Any:
        return np.full(state.results.shape[:2], 0.5)

    def explain(self, state: StudyState, choice: int) -> Any:
        return "Chance chose it."


@fault("sampler-protocol")
class WithoutPredictions:
    def __init__(self, spec: SamplerSpec, order: str = "chance") -> None: ...

    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        return np.zeros(state.trials, dtype=np.int64)


@fault("sampler-asks")
class AnswersForOneTrial(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        return int(super().ask(state, rng)[0])


@fault("sampler-asks")
class AnswersInFloats(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        return super().ask(state, rng).astype(float)


@fault("sampler-asks")
class ChoosesWhereNothingIsOpen(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        return np.where(state.open, self.luck(state, rng), -1.0).argmax(axis=-1)


@fault("sampler-predicts")
class PredictsForOneBenchmark(Good):
    def predict(self, state: StudyState) -> Any:
        return super().predict(state)[:, 0]

    def belief(self, state: StudyState) -> Any:
        return None


@fault("sampler-predicts")
class PredictsInfinity(Good):
    def predict(self, state: StudyState) -> Any:
        return np.nan_to_num(super().predict(state), nan=-np.inf)


@fault("sampler-inputs")
class MarksItsChoice(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        chosen = super().ask(state, rng)
        state.status[np.arange(state.trials), chosen] = Status.PENDING
        return chosen


@fault("sampler-inputs")
class FillsResultsIn(Good):
    def belief(self, state: StudyState) -> Any:
        state.results[np.isnan(state.results)] = 0.0
        return super().belief(state)


@fault("sampler-study")
class AsksForWhatIsPending(Good):
    def openings(self, state: StudyState) -> Any:
        return state.open | (state.status == Status.PENDING)

    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        return np.where(state.open.any(axis=-1), super().ask(state, rng), -1)


@fault("sampler-study")
class AsksForWhatIsDone(Good):
    def openings(self, state: StudyState) -> Any:
        begun = (state.status == Status.DONE) & state.open.any(axis=-1, keepdims=True)
        return state.open | (begun & (state.open.sum(axis=-1, keepdims=True) < 3))


@fault("sampler-failures")
class TriesAgain(Good):
    def openings(self, state: StudyState) -> Any:
        return state.open | (state.status == Status.FAILED)


@fault("sampler-failures")
class TakesFailuresForResults(Good):
    def predict(self, state: StudyState) -> Any:
        taken = state.status >= Status.DONE
        if not np.isfinite(state.results[:, 0][taken]).all():
            raise ValueError("Input contains NaN.")
        return super().predict(state)


@fault("sampler-failures")
class MeanOverFailures(Good):
    """One failure, and nothing is predicted any more."""

    def predict(self, state: StudyState) -> Any:
        ended = (state.status >= Status.DONE)[:, None, :]
        lost = (np.isnan(state.results) & ended).any(axis=-1, keepdims=True)
        return np.where(lost, np.nan, super().predict(state))


@fault("sampler-failures")
class FailuresAsZeros(Good):
    def predict(self, state: StudyState) -> Any:
        failed = (state.status == Status.FAILED)[:, None, :]
        return super().predict(replace(state, results=np.where(failed, 0.0, state.results)))


@fault("sampler-failures")
class BestOfNothing(Good):
    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        for status in state.status:
            if (status == Status.FAILED).any() and not (status == Status.DONE).any():
                raise ValueError("zero-size array to reduction operation maximum which has no identity")
        return super().luck(state, rng)


@fault("sampler-late")
class CountsCandidatesOnce(Good):
    order_kept: IntArray | None = None

    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        if self.order_kept is None:
            self.order_kept = np.arange(state.candidates)
        return np.broadcast_to(1.0 + self.order_kept, state.status.shape)


@fault("sampler-budget")
class StopsByItself(Good):
    def openings(self, state: StudyState) -> Any:
        spent = (state.status != Status.OPEN).sum(axis=-1, keepdims=True) >= state.budget
        return state.open & ~spent


@fault("sampler-budget")
class PlansForTheBudget(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        np.empty((state.budget, 10**6))
        return super().ask(state, rng)


@fault("sampler-seed")
class UnseededNoise(Good):
    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        return np.random.default_rng().random(state.status.shape)


@fault("sampler-seed")
class UnseededPredictions(Good):
    def predict(self, state: StudyState) -> Any:
        return super().predict(state) + np.random.default_rng().normal(0, 0.01)


@fault("sampler-process-random")
class NumbersOfNumpy(Good):
    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        return np.random.random(state.status.shape)


@fault("sampler-process-random")
class NumbersOfPython(Good):
    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        return rng.random(state.status.shape) + random.random()


@fault("sampler-process-random")
class SeedsTheProcess(Good):
    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        np.random.seed(42)
        return rng.random(state.status.shape)


@fault("sampler-restart")
class KeepsWhatItAsked(Good):
    asked = 0

    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        self.asked += 1
        places = np.arange(state.candidates)
        return np.broadcast_to(1.0 + (places + self.asked) % state.candidates, state.status.shape)


@fault("sampler-trials")
class MeanOverTrials(Good):
    def predict(self, state: StudyState) -> Any:
        made = super().predict(state)
        return np.broadcast_to(made.mean(axis=0), made.shape)


@fault("sampler-finite")
class LeavesTheUntrainedOut(Good):
    def predict(self, state: StudyState) -> Any:
        return np.where(np.isfinite(state.results), super().predict(state), np.nan)


@fault("sampler-belief")
class ChancesForEach(Good):
    def belief(self, state: StudyState) -> Any:
        mean = self.predict(state)
        return Belief(mean, np.ones(mean.shape), np.full(mean.shape, 0.5))


@fault("sampler-belief")
class NegativeErrors(Good):
    def belief(self, state: StudyState) -> Any:
        mean = self.predict(state)
        return Belief(mean, -np.ones(mean.shape), np.full(mean.shape, np.nan))


@fault("sampler-belief")
class ErrorsForAll(Good):
    def belief(self, state: StudyState) -> Any:
        mean = self.predict(state)
        return Belief(mean, np.ones(mean.shape[:2]), np.full(mean.shape, np.nan))


@fault("sampler-belief")
class BelievesInNumbers(Good):
    def belief(self, state: StudyState) -> Any:
        return self.predict(state)


@fault("sampler-chance")
class ChanceInPercent(Good):
    def chance_of_better(self, state: StudyState, delta: float) -> Any:
        return np.full(state.results.shape[:2], 50.0)


@fault("sampler-chance")
class ChanceForAll(Good):
    def chance_of_better(self, state: StudyState, delta: float) -> Any:
        return 0.5


@fault("sampler-explains")
class ExplainsInNumbers(Good):
    def explain(self, state: StudyState, choice: int) -> Any:
        return {"chance": 0.5}


@fault("sampler-explains")
class ExplainsNothing(Good):
    def explain(self, state: StudyState, choice: int) -> Any:
        return " "


@fault("sampler-smallest")
class ComparesWithTheNext(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        np.sort(state.points[..., 0], axis=-1)[..., -2]
        return super().ask(state, rng)


@fault("sampler-smallest")
class ComparesBenchmarks(Good):
    def predict(self, state: StudyState) -> Any:
        np.subtract(state.points[:, 0], state.points[:, 1])
        return super().predict(state)


@fault("sampler-flat")
class DividesBySpread(Good):
    def predict(self, state: StudyState) -> Any:
        made = super().predict(state)
        if made.shape[-1] > 1 and np.isfinite(made).any() and not np.ptp(made[np.isfinite(made)]):
            return made / 0
        return made


@fault("sampler-context")
class MistakesCosts(Good):
    def luck(self, state: StudyState, rng: np.random.Generator) -> FloatArray:
        luck = super().luck(state, rng)
        return luck if state.costs is None else luck / state.costs[:, None, None]


@fault("sampler-context")
class TrustsThePast(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        if state.past is None or not state.open.any():
            return super().ask(state, rng)
        best = int(state.past.results.mean(axis=0).argmax())
        return np.full(state.trials, best)

    def predict(self, state: StudyState) -> Any:
        return super().predict(state)


@fault("sampler-options")
class LacksAChoice(Good):
    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        if self.order == "given":
            raise KeyError(self.order)
        return super().ask(state, rng)


class Least:
    """No more than the protocol asks for."""

    def __init__(self, spec: SamplerSpec, order: str = "chance") -> None: ...

    def ask(self, state: StudyState, rng: np.random.Generator) -> Any:
        return np.where(state.open.any(axis=-1), state.open.argmax(axis=-1), -1)

    def predict(self, state: StudyState) -> Any:
        return state.points[..., 0].copy()


def spec_of(cls: type) -> SamplerSpec:
    order = Option(type="str", default="chance", choices=("chance", "given"), description="Which comes first.")
    return SamplerSpec(
        id="faulty", target=f"{__name__}:{cls.__name__}", description="Chance.", options={"order": order}
    )


def test_a_good_one_passes_every_check(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    results = results_of(spec_of(Good))
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}


def test_what_a_sampler_need_not_have_is_skipped(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    results = results_of(spec_of(Least))
    told = {name: r.status for name, r in results.items() if r.status != "passed"}
    assert told == dict.fromkeys(("sampler-belief", "sampler-chance", "sampler-explains"), "skipped")


@pytest.mark.parametrize(
    ("check", "cls"), [(check, cls) for check, classes in FAULTS.items() for cls in classes], ids=lambda v: str(v)
)
def test_each_fault_is_found_by_its_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(spec_of(cls)) == {check}


def test_the_random_numbers_of_the_process_are_as_they_were(failing: Callable[[Spec], set[str]]) -> None:
    np.random.seed(5)
    random.seed(5)
    expected = np.random.RandomState(5).random(), random.Random(5).random()
    failing(spec_of(Good))
    assert (np.random.random(), random.random()) == expected


def test_no_check_is_without_a_fault() -> None:
    from visionlaw.testing.checks import all_checks

    assert {check.name for check in all_checks() if check.kinds == ("sampler",)} == set(FAULTS)
