"""Each fault of a trainer is found by exactly the check that is meant for it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from visionlaw.errors import DataError, MissingDependencyError, UnknownIdError
from visionlaw.project import Project
from visionlaw.specs import Spec, TrainerSpec
from visionlaw.testing import all_checks

if TYPE_CHECKING:
    from visionlaw.testing.session import Result

KNOWN = "classical/rgb@112"
SCORES = {"counting": 40.0, "reading": 25}
FAULTS: list[tuple[str, type]] = []
CALLS = itertools.count()


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.append((check, cls))
        return cls

    return register


def spec_of(cls: type, **more: Any) -> TrainerSpec:
    facts = {"description": "Trains nothing.", "tiny": f"{__name__}:write"} | more
    return TrainerSpec(id="faulty", target=f"{__name__}:{cls.__name__}", **facts)


def write(spec: TrainerSpec, folder: Path) -> TrainerSpec:
    benchmarks = "".join(f'{name} = {{ name = "{name}", kind = "vision" }}\n' for name in SCORES)
    (folder / "registry.toml").write_text(f'[space]\nrepresentations = ["{KNOWN}"]\n\n[benchmarks]\n{benchmarks}')
    return spec


def write_nothing(spec: TrainerSpec, folder: Path) -> TrainerSpec:
    return spec


class Good:
    """A model that is the name of its representation."""

    def __init__(self, spec: TrainerSpec) -> None:
        self.project = Project.find()

    def finetune(self, representation: str, workdir: Path) -> Path:
        if representation != KNOWN:
            raise UnknownIdError(f"There is no '{representation}'.", "visionlaw list")
        card = workdir / "model" / "card.json"
        if not card.is_file():
            card.parent.mkdir(parents=True)
            card.write_text(json.dumps({"representation": representation}))
            shared = self.project.state_dir / "runs"
            shared.mkdir(parents=True)
            (shared / "log.txt").write_text("done")
        return card.parent

    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        if not (model / "card.json").is_file():
            raise DataError(f"There is no model in '{model}'.", "Train one.")
        unknown = set(benchmarks) - SCORES.keys()
        if unknown:
            raise DataError(f"There is no benchmark '{min(unknown)}'.", f"There are {', '.join(SCORES)}.")
        return {name: SCORES[name] for name in benchmarks}


@fault("trainer-protocol")
class WithoutEvaluate:
    def __init__(self, spec: TrainerSpec) -> None: ...

    def finetune(self, representation: str, workdir: Path) -> Path:
        return workdir


@fault("finetunes")
class ReturnsTheFile(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        return super().finetune(representation, workdir) / "card.json"


@fault("finetunes")
class ReturnsText(Good):
    def finetune(self, representation: str, workdir: Path) -> Any:
        return str(super().finetune(representation, workdir))


@fault("finetunes")
class WritesElsewhere(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        return super().finetune(representation, self.project.state_dir / "elsewhere")


@fault("writes-in-place")
class LogsIntoTheProject(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        model = super().finetune(representation, workdir)
        Path("train.log").write_text("done")
        return model


@fault("writes-in-place")
class ChangesTheSpace(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        model = super().finetune(representation, workdir)
        with Path("registry.toml").open("a") as file:
            file.write("\n")
        return model


@fault("resumes")
class AnotherModelEachTime(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        model = super().finetune(representation, workdir)
        (model / "weights").write_text(str(next(CALLS)))
        return model


@fault("resumes")
class AnotherFolderEachTime(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        if representation != KNOWN:
            return super().finetune(representation, workdir)
        model = workdir / str(next(CALLS))
        model.mkdir(parents=True)
        (model / "card.json").write_text("{}")
        return model


@fault("resumes")
class WritesTheSameAnew(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        model = super().finetune(representation, workdir)
        content = (model / "card.json").read_text()
        (model / "card.json").unlink()
        (model / "card.json").write_text(content)
        return model


@fault("unknown-representation")
class TrainsAnything(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        return super().finetune(KNOWN, workdir)


@fault("unknown-representation")
class LooksItUp(Good):
    def finetune(self, representation: str, workdir: Path) -> Path:
        return super().finetune({KNOWN: KNOWN}[representation], workdir)


@fault("missing-model")
class OpensWhatIsNotThere(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        json.loads((model / "card.json").read_bytes())
        return super().evaluate(model, benchmarks)


@fault("evaluates")
class LeavesOneOut(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        found = super().evaluate(model, benchmarks)
        return {name: value for name, value in found.items() if name != "reading"}


@fault("evaluates")
class AlwaysAll(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        super().evaluate(model, benchmarks)
        return SCORES


@fault("evaluates")
class NoAnswerIsNaN(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        return {**super().evaluate(model, benchmarks), "reading": float("nan")}


@fault("evaluates")
class NumbersAsText(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Any:
        return {name: f"{value}%" for name, value in super().evaluate(model, benchmarks).items()}


@fault("evaluates")
class NeedsALibraryItDoesNotName(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Any:
        super().evaluate(model, benchmarks)
        raise MissingDependencyError("It needs a library.", "python -m pip install it")


@fault("repeatable")
class Samples(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        return {name: value + next(CALLS) for name, value in super().evaluate(model, benchmarks).items()}


@fault("unknown-benchmark")
class ZeroForWhatItDoesNotKnow(Good):
    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        super().evaluate(model, ())
        return {name: SCORES.get(name, 0.0) for name in benchmarks}


@pytest.mark.parametrize(("check", "cls"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_is_found_by_its_own_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(spec_of(cls)) == {check}


@pytest.mark.parametrize("tiny", [None, f"{__name__}:write_nothing"])
def test_a_trainer_needs_a_project_to_be_checked_in(tiny: str | None, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(spec_of(Good, tiny=tiny)) == {"trainer-protocol"}


def test_a_good_trainer_passes_them_all(results_of: Callable[[Spec], dict[str, Result]]) -> None:
    results = results_of(spec_of(Good))
    assert {name: result.message for name, result in results.items() if result.status != "passed"} == {}


def test_what_an_extra_is_needed_for_is_skipped(results_of: Callable[[Spec], dict[str, Result]]) -> None:
    results = results_of(spec_of(NeedsALibraryItDoesNotName, extras=("it",)))
    skipped = {name: result.message for name, result in results.items() if result.status == "skipped"}
    assert set(skipped) == {"evaluates", "repeatable", "unknown-benchmark"}
    assert "pip install it" in skipped["evaluates"]
    assert not [result for result in results.values() if result.status == "failed"]


def test_every_check_of_trainers_has_a_fault() -> None:
    named = {check.name for check in all_checks() if check.function.__module__ == "visionlaw.testing.trainer_checks"}
    assert named == {check for check, _ in FAULTS}
