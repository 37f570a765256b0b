"""Simulated studies that samplers are checked in: a law with noise, trainings that fail, candidates that come late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.state import Past, Status, StudyState

CANDIDATES, BENCHMARKS = 7, 2
SCALES = (1.0, 20.0)
"""Benchmarks have units of their own."""
PAST = ("points", "results", "candidates", "identity")


@dataclass(frozen=True)
class World:
    """What is true, and not known to a sampler.

    Attributes:
        points: ``[b, k, 2]``, 0–1.
        truth: ``[b, k]``: what finetuning each candidate would give.
    """

    points: FloatArray
    truth: FloatArray

    @classmethod
    def draw(cls, candidates: int = CANDIDATES, benchmarks: int = BENCHMARKS, seed: int = 0) -> World:
        """Draw a world in which performance is quadratic in A and C, but for noise."""
        rng = np.random.default_rng(seed)
        points = rng.random((benchmarks, candidates, 2))
        a, c = points[..., 0], points[..., 1]
        scale = np.resize(SCALES, benchmarks)[:, None]
        truth = scale * (50 + 4 * a + 3 * c - 2 * (a - c) ** 2 + 0.1 * rng.standard_normal(a.shape))
        return cls(points, truth)

    @classmethod
    def flat(cls, candidates: int = CANDIDATES) -> World:
        """Return a world in which nothing tells candidates apart, neither their scores nor their results."""
        return cls(np.zeros((BENCHMARKS, candidates, 2)), np.full((BENCHMARKS, candidates), 50.0))

    def first(self, candidates: int) -> World:
        """Return the world of its first candidates alone."""
        return World(self.points[:, :candidates], self.truth[:, :candidates])

    def state(self, status: Sequence[Sequence[int]] | IntArray) -> StudyState:
        """Return the trials in which candidates stand like that, ``[T, k]``; the results of those done are known."""
        standing = np.array(status, dtype=np.int64)
        results = np.where((standing == Status.DONE)[:, None, :], self.truth, np.nan)
        points = np.broadcast_to(self.points, (len(standing), *self.points.shape)).copy()
        return StudyState(points, standing, results, budget=standing.shape[1])

    def fresh(self, trials: int = 1) -> StudyState:
        """Return trials that begin."""
        return self.state(np.full((trials, self.truth.shape[1]), int(Status.OPEN)))

    def finished(self, trials: int = 1) -> StudyState:
        """Return trials in which everything has been trained."""
        return self.state(np.full((trials, self.truth.shape[1]), int(Status.DONE)))

    def middle(self, trials: int = 2) -> StudyState:
        """Return trials in the middle of a study, each with other candidates done, two open and one pending."""
        done = self.truth.shape[1] - 3
        statuses = np.array([Status.DONE] * done + [Status.OPEN, Status.PENDING, Status.OPEN], dtype=np.int64)
        return self.state([np.roll(statuses, trial).tolist() for trial in range(trials)])


def step(state: StudyState, chosen: IntArray) -> StudyState:
    """Return the state once what was chosen is being trained."""
    status = state.status.copy()
    for trial, candidate in enumerate(chosen):
        if candidate >= 0:
            status[trial, candidate] = Status.PENDING
    return replace(state, status=status)


def told(world: World, state: StudyState, failing: Sequence[int] = ()) -> StudyState:
    """Return the state once all that is pending has been trained, or has failed to."""
    fails = np.isin(np.arange(state.candidates), failing)
    ended = np.where(fails, int(Status.FAILED), int(Status.DONE))
    return world.state(np.where(state.status == Status.PENDING, ended, state.status))


def grown(world: World, state: StudyState) -> StudyState:
    """Return the state in a world with further candidates, which come last and are open."""
    more = world.truth.shape[1] - state.candidates
    return world.state(np.pad(state.status, ((0, 0), (0, more)), constant_values=int(Status.OPEN)))


def informed(state: StudyState) -> StudyState:
    """Return the state with costs, weights, and what past benchmarks have shown of all candidates but the last."""
    k, benchmarks = state.candidates, state.results.shape[1]
    elsewhere = World.draw(k, 3, seed=3)
    identity = np.where(np.arange(k) < k - 1, np.arange(k), -1)
    past = Past(elsewhere.points, elsewhere.truth, state.points.copy(), identity)
    return replace(state, past=past, costs=1.0 + np.arange(k), weights=1.0 + np.arange(benchmarks))


def copied(state: StudyState) -> StudyState:
    """Return the same state in arrays of its own, which can be written to."""
    past = state.past
    return replace(
        state,
        points=state.points.copy(),
        status=state.status.copy(),
        results=state.results.copy(),
        past=None if past is None else Past(*(getattr(past, name).copy() for name in PAST)),
        costs=None if state.costs is None else state.costs.copy(),
        weights=None if state.weights is None else state.weights.copy(),
    )


def arrays_of(state: StudyState) -> dict[str, FloatArray | IntArray]:
    """Return the arrays of a state by name."""
    own = {name: getattr(state, name) for name in ("points", "status", "results", "costs", "weights")}
    past = {} if state.past is None else {f"past.{name}": getattr(state.past, name) for name in PAST}
    return {name: array for name, array in (own | past).items() if array is not None}
