"""The trainer ``lab``: stage 2 on the lab's conversations, and the lab's benchmarks.

It is a :class:`visionlaw.protocols.Trainer`. It works in a folder that ``visionlaw lab run`` has made; what it calls is
what trains an MLLM of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from visionlaw.alignment.language import LanguageRef, find_language
from visionlaw.errors import ConfigError
from visionlaw.project import Project
from visionlaw.protocols import silent
from visionlaw.specs import TrainerSpec
from visionlaw_lab.folder import CAPTIONS, CONVERSATIONS, IMAGES, PLAN, read_plan
from visionlaw_lab.plans import Plan, Training
from visionlaw_lab.questions import benchmark_of, benchmark_question
from visionlaw_lab.rendering import render
from visionlaw_mllm.align import align
from visionlaw_mllm.finetune import finetune
from visionlaw_mllm.mllm import MLLM
from visionlaw_mllm.recipes import Recipe, Template

Progress = Callable[[str, int, int], None]
AT_A_TIME = 20
"""Questions that pass the language model together, each with all its answers."""


class LabTrainer:
    """Trains and evaluates in a run's folder.

    Args:
        project: Of the folder.
        progress: Called as ``progress(stage, done, total)``.

    Raises:
        ConfigError: It is no folder of a run.
    """

    def __init__(self, project: Project, progress: Progress = silent) -> None:
        plan = read_plan(project.root)
        if plan is None:
            raise ConfigError(f"There is no {PLAN} in '{project.root}'.", "Make it: visionlaw lab run")
        self.project = project
        self.plan: Plan = plan
        self.progress = progress

    @property
    def language(self) -> LanguageRef:
        """The run's language model."""
        named = self.project.space.language
        if named is None:
            raise ConfigError("registry.toml names no language model.", "Make the folder anew: visionlaw lab run")
        return find_language(*named)

    def align(self, representations: Sequence[str]) -> None:
        """Train the projectors of representations (stage 1); what is trained already is not again."""
        align(
            self.project,
            self.project.representations(representations),
            self.language,
            self.project.root / CAPTIONS,
            self.project.root / IMAGES,
            _recipe("lab-stage1", self.plan.stage1, "plain"),
            progress=self.progress,
            seed=self.plan.seed,
            batch_size=self.plan.stage1.batch,
        )

    def finetune(self, representation: str, workdir: Path) -> Path:
        """Train an MLLM on a representation (stage 2), and return its folder; resumes when called again."""
        (chosen,) = self.project.representations([representation])
        return finetune(
            self.project,
            chosen,
            self.language,
            self.project.root / CONVERSATIONS,
            self.project.root / IMAGES,
            _recipe("lab-stage2", self.plan.stage2, "chat"),
            progress=self.progress,
            folder=workdir,
            seed=self.plan.seed,
            batch_size=self.plan.stage2.batch,
        )

    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        """Return the share of each benchmark's questions whose right answer is the most probable one, in %."""
        mllm = MLLM.load(model, self.project)
        found: dict[str, float] = {}
        for done, name in enumerate(benchmarks):
            benchmark = benchmark_of(name)
            asked = [benchmark_question(benchmark, self.plan.seed, n) for n in range(self.plan.questions)]
            scores = mllm.option_scores(
                [render(scene) for scene, _ in asked],
                [question.text for _, question in asked],
                [question.options for _, question in asked],
                batch_size=AT_A_TIME,
            )
            right = [
                question.options[max(range(len(of)), key=of.__getitem__)] == question.answer
                for of, (_, question) in zip(scores, asked, strict=True)
            ]
            found[name] = 100.0 * sum(right) / len(right)
            self.progress("answering", done + 1, len(benchmarks))
        return found


def build(spec: TrainerSpec) -> LabTrainer:
    """Return the trainer of the working directory's project."""
    return LabTrainer(Project.find())


def _recipe(name: str, training: Training, template: Template) -> Recipe:
    return Recipe(name, training.lr, training.batch, template, epochs=training.epochs)
