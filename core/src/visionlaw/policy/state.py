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
    PENDING = 1
    DONE = 2
    FAILED = 3


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
    """

    points: FloatArray
    status: IntArray
    results: FloatArray
    budget: int

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
