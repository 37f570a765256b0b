"""The loop: align, score, ask, finetune, evaluate, tell, fit, rank, in a small world and by the code of the large one.

Every step's result is on the disk when the next one begins, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from visionlaw import atomic
from visionlaw.cli.studies import opened_study
from visionlaw.policy.ranking import Ranking
from visionlaw.project import Project
from visionlaw.scoring.alignment import ALL, Method
from visionlaw.scoring.correspondence import MeasuringC
from visionlaw_lab.encoders import load_trunk
from visionlaw_lab.folder import LANGUAGE, SPACE, make_folder
from visionlaw_lab.language import pretrain
from visionlaw_lab.plans import Plan
from visionlaw_lab.recipes import RECIPES, EncoderRecipe, LanguageRecipe, trained_revision
from visionlaw_lab.tables import DEFINITIONS, Measured, write_table
from visionlaw_lab.trainer import LabTrainer
from visionlaw_lab.workers import one_thread, together

STUDY = "lab"
RESULTS, MODELS = "results", "models"

Progress = Callable[[str, int, int], None]


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        plan: What was run.
        folder: The project.
        measured: A by definition and C of every representation, and the performance of those that were trained.
        asked: The representations that the policy asked for, in order, with its reasons.
        ranking: What the policy's law expects of all of them.
        tables: The finished tables, by definition of A; empty where not everything was trained.
        seconds: Of each step.
    """

    plan: Plan
    folder: Path
    measured: dict[str, Measured] = field(default_factory=dict[str, Measured])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    ranking: Ranking | None = None
    tables: dict[str, Path] = field(default_factory=dict[str, Path])
    seconds: dict[str, float] = field(default_factory=dict[str, float])


class Lab:
    """A run of the lab in a folder.

    Args:
        plan: What to do.
        folder: The project's folder; made where it is missing.
        tell: Called with each step in words.
        progress: Called as ``progress(stage, done, total)``.
    """

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None], progress: Progress) -> None:
        self.plan = plan
        self.folder = folder.resolve()
        self.tell = tell
        self.progress = progress
        self.outcome = Outcome(plan, self.folder)

    def run(self) -> Outcome:
        """Do all of it, and return what was found.

        Raises:
            ConfigError: The folder is of another run.
            VisionlawError: A step failed; what is done stays.
        """
        with one_thread():
            return self._run()

    def _run(self) -> Outcome:
        with self._step("world", f"{self.plan.scenes} scenes, {len(self.plan.benchmarks)} benchmarks"):
            make_folder(self.folder, self.plan, self.progress)
        with self._step(
            "models", "the lab's encoders learn from a seed, and a tiny Llama its language from text alone"
        ):
            self._make_models()
        # Found anew: the encoders that were trained just now have other revisions.
        project = Project(self.folder / SPACE, self.folder)
        trainer = LabTrainer(project, self.progress)
        names = project.space.representations
        with self._step("align", f"stage 1: the projectors of {len(names)} representations"):
            trainer.align(names)
        with self._step("score", "A by maxcos and by loglik, C"):
            self._score(project, names)
        if self.plan.everything:
            with self._step("train", f"stage 2 and the benchmarks: all {len(names)} of them"):
                self._train_all(names)
        with self._step("policy", f"ask, finetune, evaluate, tell: {self.plan.budget} times"):
            self._follow_policy(trainer)
        if self.plan.everything:
            for name in names:
                self._tell(name)
            self.outcome.tables = {
                definition: write_table(self.folder, definition, self.outcome.measured) for definition in DEFINITIONS
            }
        with opened_study(STUDY, self.folder / SPACE) as study:
            self.outcome.ranking = study.rank()
        return self.outcome

    def _make_models(self) -> None:
        """Train what is not there yet: the encoders, and the language model unless another one is used."""
        used = " ".join(self.plan.representations).split()
        missing = [recipe for recipe in RECIPES if recipe.id in used and trained_revision(recipe) is None]
        tasks = [partial(_train_encoder, recipe) for recipe in missing]
        if not self.plan.model and not (self.folder / LANGUAGE).is_dir():
            tasks.insert(0, partial(_pretrain, self.plan.language, self.folder / LANGUAGE))
        for done, made in enumerate(together(tasks), 1):
            self.progress(f"trained {made}", done, len(tasks))

    def _score(self, project: Project, names: Sequence[str]) -> None:
        chosen = project.representations(names)
        measured = self.outcome.measured = {name: Measured() for name in names}
        for definition in DEFINITIONS:
            for measuring in Method.prepare(project, definition).on_benchmarks():
                for row in measuring.scores(chosen, progress=self.progress):
                    for benchmark in self.plan.benchmarks if row.benchmark == ALL else (row.benchmark,):
                        measured[row.representation].alignment[definition, benchmark] = row.value
        for row in MeasuringC.prepare(project).scores(chosen, progress=self.progress):
            measured[row.representation].correspondence = row.value

    def _follow_policy(self, trainer: LabTrainer) -> None:
        """Ask until the budget is used up; what was asked for before an interruption comes first."""
        while True:
            with opened_study(STUDY, self.folder / SPACE) as study:
                status = study.status()
                pending = [view.trial for view in status.trials if view.trial.status == "pending"]
                self.outcome.asked = [
                    (view.trial.representation, view.trial.reason)
                    for view in status.trials
                    if view.trial.position is not None
                ]
                if not pending:
                    if not status.left or not status.open:
                        return
                    study.ask()
                    continue
            for trial in pending:
                self._train(trainer, trial.representation)

    def _train_all(self, names: Sequence[str]) -> None:
        """Finetune and evaluate, several at a time; the policy is told what it asks for, and of the rest then."""
        missing = [name for name in names if self._known(name) is None]
        for done, name in enumerate(together(partial(_finetune, self.folder, name) for name in missing), 1):
            self._say_trained(name)
            self.progress("finetune", done, len(missing))

    def _train(self, trainer: LabTrainer, name: str) -> None:
        """Finetune, evaluate and tell one representation, if that has not been done."""
        if self._known(name) is None:
            _finetune_by(trainer, name)
            self._say_trained(name)
        self._tell(name)

    def _known(self, name: str) -> dict[str, Any] | None:
        """Return how a representation performs; None where that is not known of this plan."""
        path = result_file(self.folder, name)
        known = json.loads(path.read_bytes()) if path.is_file() else {}
        return known if known.get("plan") == self.plan.digest else None

    def _say_trained(self, name: str) -> None:
        known = self._known(name) or {}
        shown = ", ".join(f"{benchmark} {value:.0f}" for benchmark, value in known["performance"].items())
        self.tell(f"  {name}: {shown}  ({known['seconds']:.0f} s)")

    def _tell(self, name: str) -> None:
        performance = (self._known(name) or {})["performance"]
        self.outcome.measured[name].performance = performance
        with opened_study(STUDY, self.folder / SPACE) as study:
            study.tell(name, performance, source="visionlaw-lab", source_version=self.plan.digest)

    @contextmanager
    def _step(self, name: str, what: str) -> Generator[None]:
        began = time.perf_counter()
        self.tell(f"{name}: {what}")
        yield
        self.outcome.seconds[name] = time.perf_counter() - began


def _file_name(representation: str) -> str:
    """Return a name for the files of a representation, which no other representation has."""
    readable = re.sub(r"[^A-Za-z0-9.@=-]+", "-", representation)
    return f"{readable[:80]}-{hashlib.sha256(representation.encode()).hexdigest()[:8]}"


def result_file(folder: Path, representation: str) -> Path:
    """Return the file of a representation's performance in a run's folder."""
    return folder / RESULTS / f"{_file_name(representation)}.json"


def _pretrain(recipe: LanguageRecipe, folder: Path) -> str:
    making = folder.with_name(f"{folder.name}.making")
    pretrain(recipe, making)
    making.rename(folder)
    return "the language model"


def _train_encoder(recipe: EncoderRecipe) -> str:
    load_trunk(recipe)
    return recipe.id


def _finetune(folder: Path, name: str) -> str:
    """Finetune and evaluate in a process of its own."""
    return _finetune_by(LabTrainer(Project(folder / SPACE, folder)), name)


def _finetune_by(trainer: LabTrainer, name: str) -> str:
    """Write how a representation performs to its file, and return its name."""
    began, folder = time.perf_counter(), trainer.project.root
    model = trainer.finetune(name, folder / MODELS / _file_name(name))
    known = {
        "representation": name,
        "plan": trainer.plan.digest,
        "performance": dict(trainer.evaluate(model, trainer.plan.benchmarks)),
        "seconds": time.perf_counter() - began,
    }
    atomic.write_bytes(result_file(folder, name), json.dumps(known, indent=1).encode())
    return name
