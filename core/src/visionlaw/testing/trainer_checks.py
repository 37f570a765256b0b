"""Checks of trainers, in a miniature project.

The tiny factory of a trainer writes a project into the folder: a registry.toml whose first representation is finetuned
and whose benchmarks are evaluated, with whatever else the trainer reads there. The folder is the working directory.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from visionlaw.errors import MissingDependencyError, PluginError, VisionlawError
from visionlaw.guard import third_party
from visionlaw.project import Project
from visionlaw.protocols import Trainer
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.samples import once
from visionlaw.testing.subjects import Subject

STATE = ".visionlaw"
T = TypeVar("T")
Files = Mapping[str, tuple[int, int]]
"""Size and time of the last change, in ns, of files by their path."""


@dataclass(frozen=True)
class Task:
    """What the project asks for.

    Attributes:
        representation: The first one of its search space.
        benchmarks: Keys of its benchmarks.
    """

    representation: str
    benchmarks: tuple[str, ...]


@dataclass(frozen=True)
class Trained:
    """A finetuning.

    Attributes:
        model: What ``finetune`` returned.
        before: The project's files before it.
        after: The project's files after it.
    """

    model: Any
    before: Files
    after: Files


@check("trainer-protocol", "trainer", needs=("options",))
def trainer_protocol(subject: Subject) -> None:
    """It loads in its miniature project, and has what a ``Trainer`` has: ``finetune`` and ``evaluate``."""
    _task(subject)
    if not isinstance(subject.instance, Trainer):
        fail(f"The target gives {type(subject.instance).__name__}, which lacks finetune or evaluate.")


@once
def _task(subject: Subject) -> Task:
    """Return what is trained and evaluated in the miniature project."""
    if subject.declared.tiny is None:
        fail(
            f"'{subject.name}' names no miniature project to check it in.",
            "Name a factory in its spec: tiny='package.tiny:write' writes a registry.toml and what the trainer reads.",
        )
    _ = subject.tiny
    with subject.working_directory():
        space = Project.find(Path("registry.toml")).space if Path("registry.toml").is_file() else None
        if space is None or not space.representations or not space.benchmarks:
            fail(
                "The miniature project has no registry.toml that names a representation and a benchmark.",
                "Write [space] with representations and [benchmarks] into it.",
            )
        return Task(space.representations[0], tuple(space.benchmarks))


@check("finetunes", "trainer", needs=("trainer-protocol",))
def finetunes(subject: Subject) -> None:
    """``finetune`` returns the folder of a model, which exists, in the folder that it was given."""
    model, workdir = _trained(subject).model, _workdir(subject)
    if not isinstance(model, Path) or not model.is_dir():
        fail(f"finetune returned {model!r:.100}, which is no folder.", "Return the Path of the trained model's folder.")
    if not model.resolve().is_relative_to(workdir.resolve()):
        fail(f"finetune returned '{model}', which is not in the workdir it was given.", "Write the model there.")


@check("writes-in-place", "trainer", needs=("finetunes",))
def writes_in_place(subject: Subject) -> None:
    """Training writes into the workdir it was given, and of the project into ``.visionlaw`` alone."""
    done = _trained(subject)
    touched = sorted(name for name in {*done.before, *done.after} if done.before.get(name) != done.after.get(name))
    if touched:
        fail(
            f"Training wrote, changed or removed '{touched[0]}' in the project{_more(touched)}.",
            "Write into workdir; what other trainings can use, below the project's .visionlaw.",
        )


@check("resumes", "trainer", needs=("finetunes",))
def resumes(subject: Subject) -> None:
    """``finetune`` called again, by a new instance, returns the same model as it is, without training it again."""
    model = _trained(subject).model
    before = _states(model), _contents(model)
    again = _call(subject, lambda trainer: trainer.finetune(_task(subject).representation, _workdir(subject)))
    if not isinstance(again, Path) or again.resolve() != model.resolve():
        fail(f"Called again, finetune returned '{again}', not '{model}'.", "Return the model that is there.")
    after = _states(model), _contents(model)
    if after[1] != before[1]:
        changed = sorted(name for name in {*before[1], *after[1]} if before[1].get(name) != after[1].get(name))
        fail(f"Called again, finetune made another model: '{changed[0]}' differs{_more(changed)}.", RESUME)
    if after[0] != before[0]:
        fail("Called again, finetune wrote the model anew.", RESUME)


RESUME = "Look first whether the model of this representation, data and recipe is there, and go on where it stopped."


@check("unknown-representation", "trainer", needs=("trainer-protocol",))
def unknown_representation(subject: Subject) -> None:
    """A representation that nothing installed provides is refused in a sentence."""
    _refused(
        subject,
        "a representation that does not exist",
        lambda trainer: trainer.finetune("nobody/nothing@224", subject.folder / "nobody"),
    )


@check("missing-model", "trainer", needs=("trainer-protocol",))
def missing_model(subject: Subject) -> None:
    """A folder that holds no model is refused in a sentence."""
    _refused(
        subject,
        "a folder without a model",
        lambda trainer: trainer.evaluate(subject.folder / "missing", _task(subject).benchmarks),
    )


@check("evaluates", "trainer", needs=("finetunes",))
def evaluates(subject: Subject) -> None:
    """``evaluate`` returns a finite number for each benchmark that it was asked for, and for no other."""
    task = _task(subject)
    for asked in (task.benchmarks, task.benchmarks[-1:]):
        found = _evaluated(subject, asked)
        if not isinstance(found, Mapping) or set(cast("Any", found)) != set(asked):
            told = type(found).__name__ if not isinstance(found, Mapping) else str(list(cast("Any", found)))
            fail(f"Asked for {sorted(asked)}, evaluate returned {told}.", "Return a mapping of the benchmarks asked.")
        for name, value in cast("Mapping[str, Any]", found).items():
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                fail(f"Of '{name}' evaluate returned {value!r:.60}.", "Return a finite float, in the benchmark's unit.")


@check("repeatable", "trainer", needs=("evaluates",))
def repeatable(subject: Subject) -> None:
    """``evaluate`` gives the same numbers when it is called again, by a new instance."""
    asked = _task(subject).benchmarks
    first, second = dict(_evaluated(subject, asked)), dict(_evaluated(subject, asked))
    for name, value in first.items():
        if second.get(name) != value:
            fail(
                f"'{name}' was {value} first and is {second.get(name)} then.",
                "Seed what is drawn, and decode greedily.",
            )


@check("unknown-benchmark", "trainer", needs=("evaluates",))
def unknown_benchmark(subject: Subject) -> None:
    """A benchmark that it does not know is refused in a sentence."""
    model = _trained(subject).model
    _refused(subject, "a benchmark that does not exist", lambda t: t.evaluate(model, ["no-such-benchmark"]))


@once
def _trained(subject: Subject) -> Trained:
    task, workdir = _task(subject), _workdir(subject)
    before = _project_files(subject)
    model = _call(subject, lambda trainer: trainer.finetune(task.representation, workdir), subject.instance)
    return Trained(model, before, _project_files(subject))


def _workdir(subject: Subject) -> Path:
    return subject.folder / "trained"


def _project_files(subject: Subject) -> Files:
    return {name: state for name, state in _states(subject.home).items() if not name.startswith(f"{STATE}/")}


def _evaluated(subject: Subject, benchmarks: Sequence[str]) -> Any:
    model = _trained(subject).model
    return _call(subject, lambda trainer: trainer.evaluate(model, benchmarks))


def _call(subject: Subject, use: Callable[[Any], T], trainer: Any = None) -> T:
    """Use a trainer, a new one unless one is given, in the working directory of the project."""
    chosen = subject.load() if trainer is None else trainer
    try:
        with subject.working_directory(), third_party(f"The trainer '{subject.name}'", subject.plugin.distribution):
            return use(chosen)
    except MissingDependencyError as error:
        _without_library(subject, error)


def _without_library(subject: Subject, error: MissingDependencyError) -> NoReturn:
    """Skip what an extra is needed for, that the spec names; fail where it names none."""
    if subject.declared.extras:
        skip(f"{error.message} {error.remedy}")
    raise error


def _refused(subject: Subject, what: str, use: Callable[[Any], object]) -> None:
    try:
        _call(subject, use)
    except PluginError as error:
        fail(
            f"Given {what}, it fails as if by a mistake in it: {error.message}", "Raise a VisionlawError that says so."
        )
    except VisionlawError as error:
        if not error.message.strip():
            fail(f"Given {what}, it raises {type(error).__name__} without a word.", "Say what is wrong.")
        return
    fail(f"Given {what}, it says nothing.", "Raise visionlaw.errors.DataError with a remedy.")


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    files = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in files.items()}


def _contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _more(names: Sequence[str]) -> str:
    return f", and {len(names) - 1} more" if len(names) > 1 else ""
