"""What a run of the lab does: which representations, how much data, how long. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from visionlaw_lab.names import BENCHMARKS, GENERATOR, Benchmark
from visionlaw_lab.recipes import RECIPES, VERSION, LanguageRecipe

REFERENCES = ("lab/clip@112", "lab/clip@56")
"""What A by maxcos is measured against: one way of learning at two resolutions, as in the paper."""
CLASSICAL = ("rgb", "dct", "gabor", "hog", "random")
COMBINATIONS = (
    "lab/clip@112 + lab/clip@56",
    "lab/clip@112 + lab/masked@112",
    "lab/clip@112 + lab/digits@112",
    "lab/clip@112 + lab/words@112",
    "lab/digits@112 + lab/words@112",
    "lab/clip@112 + lab/digits@112 + lab/words@112",
    "classical/hog@112 + lab/views@112",
)


@dataclass(frozen=True)
class Training:
    """Hyper-parameters of a stage.

    Attributes:
        lr: Peak learning rate.
        epochs: Passes over the scenes.
        batch: Scenes in a step.
    """

    lr: float
    epochs: float
    batch: int = 32


@dataclass(frozen=True)
class Plan:
    """A run of the lab.

    Attributes:
        name: ``quick`` or ``full``.
        representations: The search space.
        benchmarks: What is asked.
        scenes: Pictures that both stages train on.
        questions: Of each benchmark.
        images: Of each benchmark, and captions, that A is measured on.
        pairs: That C is measured on.
        budget: Finetunings that the policy may ask for.
        everything: Whether all other representations are trained then, too, for the table.
        stage1, stage2: How they train.
        language: How the tiny language model is made.
        model: A language model to use in its place: a folder or hub repository; empty: the tiny one.
        seed: Of the scenes and of the trainings.
    """

    name: str
    representations: tuple[str, ...]
    benchmarks: tuple[Benchmark, ...]
    scenes: int
    questions: int
    images: int
    pairs: int
    budget: int
    everything: bool
    stage1: Training
    stage2: Training
    language: LanguageRecipe = field(default_factory=LanguageRecipe)
    model: str = ""
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {**asdict(self), "version": VERSION, "generator": GENERATOR}

    @property
    def digest(self) -> str:
        """Identity of the plan."""
        return hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()[:16]

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Plan:
        """Return the plan that :attr:`facts` were of."""
        own = {name: value for name, value in facts.items() if name not in ("version", "generator")}
        return cls(
            **{
                **own,
                "representations": tuple(own["representations"]),
                "benchmarks": tuple(own["benchmarks"]),
                "stage1": Training(**own["stage1"]),
                "stage2": Training(**own["stage2"]),
                "language": LanguageRecipe(**own["language"]),
            }
        )


QUICK = Plan(
    name="quick",
    representations=(
        "lab/clip@112",
        "lab/digits@112",
        "lab/untrained@112",
        "classical/rgb@112",
        "classical/hog@112",
        "lab/clip@112 + lab/digits@112",
    ),
    benchmarks=("counting", "colour", "digit"),
    scenes=700,
    questions=60,
    images=30,
    pairs=40,
    budget=3,
    everything=False,
    stage1=Training(lr=2e-3, epochs=1, batch=16),
    stage2=Training(lr=1e-3, epochs=3, batch=16),
    language=LanguageRecipe(steps=300),
)
FULL = Plan(
    name="full",
    representations=(
        *(recipe.id for recipe in RECIPES),
        *(f"classical/{name}@112" for name in CLASSICAL),
        *COMBINATIONS,
    ),
    benchmarks=BENCHMARKS,
    scenes=2000,
    questions=240,
    images=100,
    pairs=150,
    budget=4,
    everything=True,
    stage1=Training(lr=2e-3, epochs=1, batch=16),
    stage2=Training(lr=1e-3, epochs=3, batch=16),
    language=LanguageRecipe(steps=2000),
)
