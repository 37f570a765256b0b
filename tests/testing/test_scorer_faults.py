"""Each fault of a scorer is found by exactly the check that is meant for it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from visionlaw.errors import DataError
from visionlaw.features.extractor import Extractor
from visionlaw.features.maps import FeatureMap
from visionlaw.features.results import Extracted
from visionlaw.features.sampling import unit
from visionlaw.protocols import Score, ScoringJob
from visionlaw.specs import Option, ScorerSpec, Spec

FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


class Good:
    """How much an image's tokens point into one direction, 0 to 1."""

    def __init__(self, spec: ScorerSpec, over: str = "mean", first: int = 4) -> None:
        if first < 4:
            raise DataError("Fewer than four tokens tell nothing.", "Give four or more.")
        self.over, self.first = over, first

    @property
    def protocol(self) -> Any:
        return "one-direction"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"over": self.over, "first": self.first}

    def score(self, job: ScoringJob) -> Iterator[Any]:
        if not job.data:
            raise DataError("There is no image.", "Give some.")
        values: defaultdict[str, list[float]] = defaultdict(list)
        for done, found in enumerate(self.stream(job), 1):
            for name, features in found.maps.items():
                values[name].append(self.measure(features))
            self.report(job, done)
        yield from self.scores(values)

    def stream(self, job: ScoringJob) -> Iterator[Extracted]:
        found = Extractor(job.representations, job.combiner).stream(
            [image for image, _ in job.data], cache=job.cache, strict_images=True
        )
        return (one for one in found if isinstance(one, Extracted))

    def measure(self, features: FeatureMap) -> float:
        tokens = unit(features.tokens)[: self.first]
        return float(tokens.mean(dim=0).norm() if self.over == "mean" else (tokens @ tokens.T).min().abs())

    def report(self, job: ScoringJob, done: int) -> None:
        job.progress("looking", done, len(job.data))

    def scores(self, values: Mapping[str, list[float]]) -> Iterator[Any]:
        for name, each in values.items():
            yield self.told(name, each)

    def told(self, name: str, each: list[float]) -> Any:
        return Score(name, float(np.clip(np.mean(each), 0, 1)), len(each), {"least": min(each)})


@fault("scorer-protocol")
class NamesNoProtocol(Good):
    @property
    def protocol(self) -> Any:
        return None


@fault("scorer-protocol")
class ParametersOfNumpy(Good):
    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"over": self.over, "first": np.int64(self.first)}


@fault("scores-each")
class LeavesCombinationsOut(Good):
    def scores(self, values: Mapping[str, list[float]]) -> Iterator[Any]:
        return super().scores({name: each for name, each in values.items() if "+" not in name})


@fault("scores-each")
class ScoresTwice(Good):
    def scores(self, values: Mapping[str, list[float]]) -> Iterator[Any]:
        yield from super().scores(values)
        yield from super().scores(values)


@fault("scores-each")
class SortsTheNames(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return super().told(" + ".join(sorted(name.split(" + "))), each)


@fault("scores-each")
class YieldsNumbers(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return name, float(np.mean(each))


@fault("scores-each")
class FailsOnCombinations(Good):
    def measure(self, features: FeatureMap) -> float:
        if features.channels > 10:
            raise ValueError("cannot reshape array")
        return super().measure(features)


@fault("score-finite")
class DividesByZero(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return Score(name, float("nan") if "+" in name else 0.5, len(each))


@fault("score-range")
class BeyondItsRange(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return Score(name, 1 + float(np.mean(each)), len(each))


@fault("score-range")
class BeyondItsRangeWithAnOption(Good):
    def told(self, name: str, each: list[float]) -> Any:
        shift = 5 if self.over == "least" else 0
        return Score(name, shift + float(np.clip(np.mean(each), 0, 1)), len(each))


@fault("score-count")
class CountsTokens(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return Score(name, super().told(name, each).value, 16 * len(each))


@fault("score-details")
class DetailsOfNumpy(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return Score(name, super().told(name, each).value, len(each), {"each": np.array(each)})


@fault("score-details")
class DetailsOfNaN(Good):
    def told(self, name: str, each: list[float]) -> Any:
        return Score(name, super().told(name, each).value, len(each), {"interval": [float("nan"), 1.0]})


@fault("scorer-options")
class LacksAChoice(Good):
    def measure(self, features: FeatureMap) -> float:
        if self.over == "least":
            raise KeyError(self.over)
        return super().measure(features)


@fault("scorer-options")
class RefusesWithATraceback(Good):
    def __init__(self, spec: ScorerSpec, over: str = "mean", first: int = 4) -> None:
        super().__init__(spec, over, max(first, 4))
        self.wrong = first < 4

    def measure(self, features: FeatureMap) -> float:
        if self.wrong:
            raise IndexError("index 3 is out of bounds")
        return super().measure(features)


@fault("score-identity")
class ForgetsAParameter(Good):
    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"first": self.first}


@fault("score-identity")
class ForgetsANumber(Good):
    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"over": self.over}


@fault("score-deterministic")
class UnseededNoise(Good):
    def told(self, name: str, each: list[float]) -> Any:
        some = np.random.default_rng().choice(each, size=4, replace=False).tolist()
        return super().told(name, some)


@fault("score-company")
class RelativeToTheBest(Good):
    def scores(self, values: Mapping[str, list[float]]) -> Iterator[Any]:
        best = max(float(np.mean(each)) for each in values.values())
        for name, each in values.items():
            yield self.told(name, [one / best for one in each])


@fault("score-company")
class CarriesOnFromTheLast(Good):
    def scores(self, values: Mapping[str, list[float]]) -> Iterator[Any]:
        seen: list[float] = []
        for name, each in values.items():
            seen += each
            yield Score(name, float(np.mean(seen)), len(each))


@fault("score-scale")
class LengthsCount(Good):
    def measure(self, features: FeatureMap) -> float:
        return min(1.0, float(features.tokens[: self.first].mean(dim=0).norm()) / 3) * (self.over == "mean")


@fault("score-scale")
class LengthsCountWithAnOption(Good):
    def measure(self, features: FeatureMap) -> float:
        if self.over == "least":
            return min(1.0, float(features.tokens[: self.first].norm(dim=1).min()) / 3)
        return super().measure(features)


@fault("scorer-inputs")
class NormalisesInPlace(Good):
    def measure(self, features: FeatureMap) -> float:
        features.tokens.div_(features.tokens.norm(dim=1, keepdim=True))
        return super().measure(features)


@fault("scorer-inputs")
class ShortensTheData(Good):
    def score(self, job: ScoringJob) -> Iterator[Any]:
        yield from super().score(job)
        job.data[1:] = []


@fault("scorer-encodes-once")
class EncodesForEachRepresentation(Good):
    def stream(self, job: ScoringJob) -> Iterator[Extracted]:
        images = [image for image, _ in job.data]
        several = [
            Extractor([one], job.combiner).stream(images, cache=job.cache, strict_images=True)
            for one in job.representations
        ]
        for found in zip(*several, strict=True):
            maps = {name: m for one in found if isinstance(one, Extracted) for name, m in one.maps.items()}
            yield Extracted("", "", maps)


@fault("scorer-cache")
class LeavesTheCacheAside(Good):
    def stream(self, job: ScoringJob) -> Iterator[Extracted]:
        return (
            one
            for one in Extractor(job.representations, job.combiner).stream([image for image, _ in job.data])
            if isinstance(one, Extracted)
        )


@fault("scorer-scratch")
class KeepsByNameAlone(Good):
    def score(self, job: ScoringJob) -> Iterator[Any]:
        for score in super().score(job):
            if job.scratch is None:
                yield score
                continue
            job.scratch.mkdir(exist_ok=True)
            kept = job.scratch / f"{score.representation.replace('/', '-')}.json"
            if not kept.exists():
                kept.write_text(json.dumps(score.value))
            yield Score(score.representation, json.loads(kept.read_text()), score.count)


@fault("scorer-progress")
class TellsNothing(Good):
    def report(self, job: ScoringJob, done: int) -> None: ...


@fault("scorer-progress")
class StartsAgain(Good):
    def report(self, job: ScoringJob, done: int) -> None:
        job.progress("looking", done % 8, 8)


@fault("scorer-progress")
class EndsEarly(Good):
    def report(self, job: ScoringJob, done: int) -> None:
        job.progress("looking", done - 1, len(job.data))


@fault("scorer-progress")
class ChangesItsMind(Good):
    def report(self, job: ScoringJob, done: int) -> None:
        job.progress("looking", done, done)


@fault("scorer-empty")
class DividesByNothing(Good):
    def score(self, job: ScoringJob) -> Iterator[Any]:
        if not job.data:
            raise ZeroDivisionError("float division by zero")
        return super().score(job)


@fault("scorer-empty")
class SaysNothing(Good):
    def score(self, job: ScoringJob) -> Iterator[Any]:
        return super().score(job) if job.data else iter(())


def spec_of(cls: type) -> ScorerSpec:
    return ScorerSpec(
        id="faulty",
        target=f"{__name__}:{cls.__name__}",
        description="How much tokens point into one direction.",
        measures="D",
        range=(0.0, 1.0),
        scale_invariant=True,
        data="images",
        options={
            "over": Option(type="str", default="mean", choices=("mean", "least"), description="What is taken."),
            "first": Option(type="int", default=4, description="How many tokens."),
        },
    )


def test_a_good_one_passes_every_check(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    results = results_of(spec_of(Good))
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}


@pytest.mark.parametrize(
    ("check", "cls"), [(check, cls) for check, classes in FAULTS.items() for cls in classes], ids=lambda v: str(v)
)
def test_each_fault_is_found_by_its_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(spec_of(cls)) == {check}


def test_what_is_not_claimed_is_not_asked_for(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    spec = spec_of(LengthsCount).model_copy(update={"scale_invariant": False, "range": None})
    results = results_of(spec)
    assert {name for name, r in results.items() if r.status == "skipped"} == {"score-range", "score-scale"}
    assert {name for name, r in results.items() if r.status == "failed"} == set()


def test_no_check_is_without_a_fault() -> None:
    from visionlaw.testing.checks import all_checks

    assert {check.name for check in all_checks() if check.kinds == ("scorer",)} == set(FAULTS)


def test_a_range_is_not_empty() -> None:
    with pytest.raises(ValueError, match=r"range 1\.0 to 0\.0 is empty"):
        spec_of(Good).model_validate({**spec_of(Good).model_dump(), "range": (1.0, 0.0)})
