"""A miniature run's folder for the conformance kit: an encoder without weights, a language model that has read nothing.

What is made of it says nothing about the law; that the trainer keeps its contract shows in seconds.
"""

from __future__ import annotations

from pathlib import Path

from visionlaw.project import Project
from visionlaw.protocols import silent
from visionlaw.specs import TrainerSpec
from visionlaw_lab.folder import LANGUAGE, SPACE, make_folder
from visionlaw_lab.language import pretrain
from visionlaw_lab.plans import Plan, Training
from visionlaw_lab.recipes import LanguageRecipe
from visionlaw_lab.trainer import LabTrainer

REPRESENTATION = "classical/rgb@112"
STAGE = Training(lr=1e-3, epochs=1, batch=4)
PLAN = Plan(
    name="tiny",
    representations=(REPRESENTATION,),
    benchmarks=("colour", "digit"),
    scenes=8,
    questions=12,
    images=4,
    pairs=4,
    budget=1,
    everything=False,
    stage1=STAGE,
    stage2=STAGE,
    language=LanguageRecipe(width=32, layers=1, heads=2, steps=2, batch=2),
)


def write(spec: TrainerSpec, folder: Path) -> TrainerSpec:
    """Write the folder of a run of one representation, its projector trained."""
    make_folder(folder, PLAN, silent)
    pretrain(PLAN.language, folder / LANGUAGE)
    LabTrainer(Project(folder / SPACE, folder)).align([REPRESENTATION])
    return spec
