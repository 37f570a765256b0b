"""The rankings that train nothing to learn from: in the order of A, of C, or of both.

Whatever a policy does, it must beat these (PROTOCOLS §5).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.state import StudyState
from visionlaw.specs import SamplerSpec


class RankByScore:
    """Train in the order of a score of the normalised A and C; studies of several benchmarks use the score's mean.

    Results and scores share no unit, so that the ranking lets the two orders take turns: the best result, the best
    untrained score, the second-best result, the second-best score, and so on. From two results on, the top 3 are the
    two best results and the best untrained score. Of the readings of "observed results used for the trained" that
    were tried, this one gives all published figures (PROTOCOLS §5).

    Attributes:
        weights: What A and C weigh in the score.
    """

    weights: ClassVar[tuple[float, float]]

    def __init__(self, spec: SamplerSpec | None = None) -> None:
        self.spec = spec

    def ask(self, state: StudyState, rng: np.random.Generator) -> IntArray:
        """Choose the open candidate of the highest score for each trial: ``[T]`` indices, -1 where none is open."""
        score = np.where(state.open, self._score(state).mean(axis=1), -np.inf)
        return np.where(state.open.any(axis=-1), score.argmax(axis=-1), -1)

    def predict(self, state: StudyState) -> FloatArray:
        """Return ``[T, b, k]``: the negative of each candidate's place in the ranking, which is no performance."""
        known = np.isfinite(state.results)
        by_result = _places(np.where(known, state.results, -np.inf))
        by_score = _places(np.where(known, -np.inf, self._score(state)))
        return -_places(-np.where(known, by_result, by_score + 0.5)) - 1.0

    def _score(self, state: StudyState) -> FloatArray:
        a, c = self.weights
        return a * state.points[..., 0] + c * state.points[..., 1]


class RankByA(RankByScore):
    """Train in the order of alignment."""

    weights = (1.0, 0.0)


class RankByC(RankByScore):
    """Train in the order of correspondence."""

    weights = (0.0, 1.0)


class RankByBoth(RankByScore):
    """Train in the order of A + C/2."""

    weights = (1.0, 0.5)


def _places(values: FloatArray) -> FloatArray:
    """Return each value's place in its row, the highest 0; ties by order."""
    order = np.argsort(-values, axis=-1, kind="stable")
    places = np.empty(values.shape)
    np.put_along_axis(places, order, np.broadcast_to(np.arange(float(values.shape[-1])), values.shape), axis=-1)
    return places
