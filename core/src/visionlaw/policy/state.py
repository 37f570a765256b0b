"""What a sampler sees: one or many studies over the same candidates, as arrays.

A live study is one trial; a replay runs thousands side by side, which is what makes it fast. Samplers work on all
trials at once; a sampler that thinks about one at a time loops over ``range(state.trials)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray, IntArray


class Status(IntEnum):
    """Where a candidate stands in a study."""

    OPEN = 0
    """It may be asked for."""
    PENDING = 1
    """It is being trained."""
    DONE = 2
    """A result was told."""
    FAILED = 3
    """Its training failed; it is not asked for again."""


@dataclass(frozen=True)
class Past:
    """What other benchmarks have shown already: the results that a warm start builds on.

    Its A follows the definition of the study's. In a replay nothing in it comes from the benchmark that is asked about;
    in a live study it may hold what another recipe reached on the same benchmark.

    Attributes:
        points: ``[p, s, 2]``: A and C of s settings on p other benchmarks, min-max normalised over the settings.
        results: ``[p, s]``: their performance in each benchmark's own unit, higher is better, NaN where not known.
        candidates: ``[T, b, k, 2]`` or ``[b, k, 2]``: A and C of the study's candidates on the scale of ``points``, so
            that they may lie outside 0–1.
        identity: ``[T, k]`` or ``[k]``: which of the s settings each candidate is; -1: none of them.
    """

    points: FloatArray
    results: FloatArray
    candidates: FloatArray
    identity: IntArray


@dataclass(frozen=True)
class StudyState:
    """T parallel trials over the same k candidates and b benchmarks.

    Attributes:
        points: ``[T, b, k, 2]``: A and C of each candidate on each benchmark, min-max normalised over the candidates.
            May be given as ``[b, k, 2]`` where all trials share them, as a live study does; samplers always see T.
        status: ``[T, k]`` of :class:`Status`.
        results: ``[T, b, k]``: performance in the benchmark's own unit, higher is better, NaN where not known.
        budget: How many candidates may be taken in all, failed ones included: what may be asked for, in a live study
            also what was told from outside.
        past: What other benchmarks have shown; None: nothing is used.
        costs: ``[k]``: what finetuning each candidate costs, in any unit; None: all cost the same.
        weights: ``[b]``: how much each benchmark counts in a joint study; None: all the same.
    """

    points: FloatArray
    status: IntArray
    results: FloatArray
    budget: int
    past: Past | None = None
    costs: FloatArray | None = None
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.points.ndim == 3:
            shared = np.broadcast_to(self.points, (self.status.shape[0], *self.points.shape))
            object.__setattr__(self, "points", shared)

    @property
    def trials(self) -> int:
        """T, the number of parallel trials."""
        return self.status.shape[0]

    @property
    def candidates(self) -> int:
        """k, the number of candidates."""
        return self.status.shape[1]

    @property
    def open(self) -> BoolArray:
        """``[T, k]``: the candidates that may be asked for."""
        return self.status == Status.OPEN
