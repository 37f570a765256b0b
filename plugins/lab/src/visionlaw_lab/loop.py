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
from pathlib import Path

import torch

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
from visionlaw_lab.recipes import RECIPES, trained_revision
from visionlaw_lab.tables import DEFINITIONS, Measured, write_table
from visionlaw_lab.trainer import LabTrainer

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
        with _one_thread():
            return self._run()

    def _run(self) -> Outcome:
        with self._step("world", f"{self.plan.scenes} scenes, {len(self.plan.benchmarks)} benchmarks"):
            make_folder(self.folder, self.plan, self.progress)
        if not self.plan.model:
            with self._step("language", "a tiny Llama learns the lab's language from text alone"):
                self._pretrain()
        with self._step("encoders", "the lab's own are trained from a seed"):
            self._train_encoders()
        # Found anew: the encoders that were trained just now have other revisions.
        project = Project(self.folder / SPACE, self.folder)
        trainer = LabTrainer(project, self.progress)
        names = project.space.representations
        with self._step("align", f"stage 1: the projectors of {len(names)} representations"):
            trainer.align(names)
        with self._step("score", "A by maxcos and by loglik, C"):
            self._score(project, names)
        with self._step("policy", f"ask, finetune, evaluate, tell: {self.plan.budget} times"):
            self._follow_policy(trainer)
        if self.plan.everything:
            with self._step("rest", "stage 2 of all other representations"):
                self._train_rest(trainer, names)
            self.outcome.tables = {
                definition: write_table(self.folder, definition, self.outcome.measured) for definition in DEFINITIONS
            }
        with opened_study(STUDY, self.folder / SPACE) as study:
            self.outcome.ranking = study.rank()
        return self.outcome

    def _pretrain(self) -> None:
        folder = self.folder / LANGUAGE
        if folder.is_dir():
            return
        making = folder.with_name(f"{LANGUAGE}.making")
        steps = self.plan.language.steps
        pretrain(self.plan.language, making, lambda step, loss: self.progress(f"loss {loss:.2f}", step + 1, steps))
        making.rename(folder)

    def _train_encoders(self) -> None:
        used = " ".join(self.plan.representations).split()
        for recipe in RECIPES:
            if recipe.id in used and trained_revision(recipe) is None:
                load_trunk(recipe, self.progress)

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

    def _train_rest(self, trainer: LabTrainer, names: Sequence[str]) -> None:
        for name in names:
            self._train(trainer, name)

    def _train(self, trainer: LabTrainer, name: str) -> None:
        """Finetune, evaluate and tell one representation, if that has not been done."""
        measured = self.outcome.measured[name]
        path = self.folder / RESULTS / f"{_file_name(name)}.json"
        known = json.loads(path.read_bytes()) if path.is_file() else {}
        if known.get("plan") != self.plan.digest:
            began = time.perf_counter()
            model = trainer.finetune(name, self.folder / MODELS / _file_name(name))
            performance = dict(trainer.evaluate(model, self.plan.benchmarks))
            known = {"representation": name, "plan": self.plan.digest, "performance": performance}
            atomic.write_bytes(path, json.dumps(known, indent=1).encode())
            shown = ", ".join(f"{benchmark} {value:.0f}" for benchmark, value in performance.items())
            self.tell(f"  {name}: {shown}  ({time.perf_counter() - began:.0f} s)")
        measured.performance = known["performance"]
        with opened_study(STUDY, self.folder / SPACE) as study:
            study.tell(name, measured.performance, source="visionlaw-lab", source_version=self.plan.digest)

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


@contextmanager
def _one_thread() -> Generator[None]:
    """Compute with one thread: on matrices this small a second one gains little, and where another process is busy the
    two wait for each other at every one of them, which takes sixteen times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
