"""What a replay found: the figures at a fixed budget, and the papers' first hit.

Two ways to count, never confused (PROTOCOLS §5). *Fixed budget* is what a user gets: the state after exactly n
finetunings. *First hit* is what the papers count: whether the optimum has been among the top 3 at any n so far. Nobody
without the answer could stop there, so that first hit is an upper bound that only an oracle reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.modes import Mode
from visionlaw.policy.bootstrap import interval, resampled_means
from visionlaw.policy.course import Course

TOP = 3
"""The papers' shortlist: the optimum counts as hit among the best three."""


@dataclass(frozen=True)
class Replay:
    """What T simulated trials did on b benchmarks after n = 0…N finetunings.

    Attributes:
        law: Name of the table.
        sampler: Id of the sampler, or its class where it has none.
        mode: ``single``: each benchmark is a study of its own. ``joint``: one finetuning serves all benchmarks.
        benchmarks: Names of the b benchmarks.
        course: Place of the optimum, found and regret, each ``[T, b, N + 1]``.
        prior: What the sampler was told of other benchmarks: a split, or a table's name; None: nothing.
    """

    law: str
    sampler: str
    mode: Mode
    benchmarks: tuple[str, ...]
    course: Course
    prior: str | None = None

    def recall(self, top: int = TOP) -> FloatArray:
        """Return ``[b, N + 1]``: how often the optimum is in the top of the ranking after exactly n finetunings.

        Where a sampler predicts nothing yet, the expectation of a ranking at random.
        """
        return self.course.hit(top).mean(axis=0)

    def recall_within_noise(self, top: int = TOP) -> FloatArray:
        """Return ``[b, N + 1]``: how often any setting within training noise of the optimum is in the top."""
        return self.course.near_hit(top).mean(axis=0)

    def first_hit(self, top: int = TOP) -> FloatArray:
        """Return ``[b, N + 1]``: how often a prediction had the optimum in its top by n at the latest."""
        hit = (self.course.place <= top) & self.course.informed
        return np.logical_or.accumulate(hit, axis=-1).mean(axis=0)

    def found(self) -> FloatArray:
        """Return ``[b, N + 1]``: how often the optimum itself has been trained by n finetunings."""
        return self.course.found.mean(axis=0)

    def regret(self) -> FloatArray:
        """Return ``[b, N + 1]``: mean loss of the recommended setting against the optimum, in % of the optimum.

        Recommended is the trained setting with the best told result: what a user would deploy, since it exists and its
        result is known. Before the first finetuning it is the best predicted one; where nothing is predicted, the
        expectation of a setting drawn at random.
        """
        return self.course.regret.mean(axis=0)

    def fixed_budget(self) -> Mapping[str, FloatArray]:
        """Return the figures at a fixed budget by name, each ``[T, b, N + 1]``: before any mean is taken."""
        return {
            "recall@1": self.course.hit(1),
            "recall@3": self.course.hit(3),
            "recall@3 within noise": self.course.near_hit(3),
            "found": self.course.found.astype(np.float64),
            "regret": self.course.regret,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of ``visionlaw policy replay``.

        Fixed-budget figures are means over the benchmarks; ``intervals`` are their 95% bootstrap intervals, (low, high)
        for each n, over benchmarks and trials (:func:`visionlaw.policy.bootstrap.resampled_means`).
        """
        figures = self.fixed_budget()
        first_hit = self.first_hit()
        return {
            "law": self.law,
            "sampler": self.sampler,
            "mode": self.mode,
            "prior": self.prior,
            "fixed_budget": {name: values.mean(axis=0).mean(axis=0).tolist() for name, values in figures.items()},
            "intervals": {name: interval(resampled_means(values)).tolist() for name, values in figures.items()},
            "first_hit": {b: [float(v) for v in row] for b, row in zip(self.benchmarks, first_hit, strict=True)},
        }
