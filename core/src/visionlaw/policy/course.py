"""The course of simulated trials: asking, telling and measuring, one finetuning at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray, IntArray
from visionlaw.policy.belief import Belief
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.state import Past, Status, StudyState


@dataclass(frozen=True)
class World:
    """What is true in T trials over m candidates and b benchmarks, and what a trainer would tell.

    Attributes:
        points: ``[T, b, m, 2]`` normalised A and C.
        truth: ``[T, b, m]`` performance.
        told: ``[T, b, m]`` the result that finetuning the candidate reports.
        tolerance: ``[T, b]``: who loses no more than this against the optimum, in % of it, is as good: training noise.
        past: What other benchmarks have shown, for the sampler.
    """

    points: FloatArray
    truth: FloatArray
    told: FloatArray
    tolerance: FloatArray
    past: Past | None = None

    def loss(self) -> FloatArray:
        """Return ``[T, b, m]``: what each candidate loses against the optimum, in % of the optimum."""
        best = self.truth.max(axis=-1, keepdims=True)
        return 100.0 * (best - self.truth) / np.abs(best)


Watch = Callable[[World, StudyState, Belief], None]
"""Shown every state of a course, and what the sampler believes in it; the truth is in the world."""


@dataclass(frozen=True)
class Course:
    """What happened after n = 0…N finetunings; every array is ``[T, b, N + 1]``.

    Attributes:
        place: Place of the optimum in the sampler's ranking (:meth:`Belief.merit`), from 1; ties and NaN at random,
            NaN last.
        informed: Whether the sampler predicted anything at all.
        found: Whether the optimum has been trained.
        regret: Loss of the recommended candidate against the optimum, in % of the optimum.
        candidates: How many candidates the trial had.
        optima: How many of them share the best performance.
        near_place: Place of the first candidate within training noise of the optimum, which may be the optimum.
        near_optima: How many candidates are within training noise of the optimum, the optima included.
    """

    place: IntArray
    informed: BoolArray
    found: BoolArray
    regret: FloatArray
    candidates: IntArray
    optima: IntArray
    near_place: IntArray
    near_optima: IntArray

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Course:
        """Allocate a course of this shape."""
        place, candidates, optima, near_place, near_optima = (np.zeros(shape, dtype=np.int64) for _ in range(5))
        informed, found = (np.zeros(shape, dtype=np.bool_) for _ in range(2))
        return cls(place, informed, found, np.zeros(shape), candidates, optima, near_place, near_optima)

    def put(self, trials: IntArray, benchmarks: IntArray, part: Course) -> None:
        """Write the course of some of the trials on some of the benchmarks."""
        cells = np.ix_(trials, benchmarks)
        for item in fields(self):
            getattr(self, item.name)[cells] = getattr(part, item.name)

    def reshaped(self, shape: tuple[int, ...]) -> Course:
        """Return the same course in another shape."""
        return Course(**{item.name: getattr(self, item.name).reshape(shape) for item in fields(self)})

    def hit(self, top: int) -> FloatArray:
        """Return the chance that the optimum is in the top of the ranking: 0 or 1 where the sampler has predicted."""
        return np.where(self.informed, self.place <= top, self._chance(self.optima, top))

    def near_hit(self, top: int) -> FloatArray:
        """Return the same of any candidate within training noise of the optimum."""
        return np.where(self.informed, self.near_place <= top, self._chance(self.near_optima, top))

    def _chance(self, good: IntArray, top: int) -> FloatArray:
        """Return the probability that a ranking at random has one of the good candidates in its top."""
        missed = np.ones(self.place.shape)
        for drawn in range(top):
            others = np.maximum(self.candidates - good - drawn, 0)
            missed *= others / np.maximum(self.candidates - drawn, 1)
        return 1.0 - missed


def run_course(
    world: World,
    sampler: CheckedSampler,
    budget: int,
    choices: np.random.Generator,
    ties: np.random.Generator,
    watch: Watch | None = None,
) -> Course:
    """Let a sampler spend its budget in every trial of a world.

    Args:
        world: The trials.
        sampler: Who chooses and predicts.
        budget: N, finetunings per trial; a trial that runs out of candidates stops earlier.
        choices: Randomness that the sampler may use.
        ties: Randomness that breaks ties.
        watch: Is shown every state, and what the sampler believes in it.

    Raises:
        PluginError: The sampler failed.
    """
    trials, benchmarks, candidates = world.truth.shape
    status = np.full((trials, candidates), Status.OPEN, dtype=np.int64)
    results = np.full(world.truth.shape, np.nan)
    state = StudyState(world.points, status, results, budget, world.past)
    course = Course.empty((trials, benchmarks, budget + 1))
    for n in range(budget + 1):
        belief = sampler.belief(state)
        _measure(course, n, world, state, belief, ties)
        if watch is not None:
            watch(world, state, belief)
        if n < budget:
            _finetune(sampler.ask(state, choices), world, status, results)
    return course


def _finetune(choice: IntArray, world: World, status: IntArray, results: FloatArray) -> None:
    trial = np.flatnonzero(choice >= 0)
    candidate = choice[trial]
    status[trial, candidate] = Status.DONE
    results[trial, :, candidate] = world.told[trial, :, candidate]


def _measure(
    course: Course, n: int, world: World, state: StudyState, belief: Belief, ties: np.random.Generator
) -> None:
    """Fill in what is true after n finetunings."""
    loss = world.loss()
    optimal, near = loss == 0, loss <= world.tolerance[..., None]
    merit = belief.merit()
    ranking = np.lexsort((ties.random(merit.shape), -merit), axis=-1)
    informed = np.isfinite(merit).any(axis=-1)
    course.place[..., n] = _first(optimal, ranking)
    course.near_place[..., n] = _first(near, ranking)
    course.informed[..., n] = informed
    course.candidates[..., n] = loss.shape[-1]
    course.optima[..., n] = optimal.sum(axis=-1)
    course.near_optima[..., n] = near.sum(axis=-1)

    done = (state.status == Status.DONE)[:, None, :]
    course.found[..., n] = (optimal & done).any(axis=-1)
    trained = np.where(done, state.results, -np.inf).argmax(axis=-1)[..., None]
    recommended = np.where(done.any(axis=-1, keepdims=True), trained, ranking[..., :1])
    of_recommended = np.take_along_axis(loss, recommended, axis=-1)[..., 0]
    blind = ~informed & ~done.any(axis=-1)
    course.regret[..., n] = np.where(blind, loss.mean(axis=-1), of_recommended)


def _first(wanted: BoolArray, ranking: IntArray) -> IntArray:
    """Return the best place, from 1, of a wanted candidate in the ranking."""
    return 1 + np.take_along_axis(wanted, ranking, axis=-1).argmax(axis=-1)
