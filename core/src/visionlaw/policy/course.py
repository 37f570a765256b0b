"""The course of simulated trials: asking, telling and measuring, one finetuning at a time."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray, IntArray
from visionlaw.policy.belief import Belief
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.state import Status, StudyState


@dataclass(frozen=True)
class World:
    """What is true in T trials over m candidates and b benchmarks, and what a trainer would tell.

    Attributes:
        points: ``[T, b, m, 2]`` normalised A and C.
        truth: ``[T, b, m]`` performance.
        told: ``[T, b, m]`` the result that finetuning the candidate reports.
    """

    points: FloatArray
    truth: FloatArray
    told: FloatArray


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
    """

    place: IntArray
    informed: BoolArray
    found: BoolArray
    regret: FloatArray
    candidates: IntArray
    optima: IntArray

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Course:
        """Allocate a course of this shape."""
        integers = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        place, candidates, optima = integers
        flags = (np.zeros(shape, dtype=np.bool_) for _ in range(2))
        informed, found = flags
        return cls(place, informed, found, np.zeros(shape), candidates, optima)

    def put(self, trials: IntArray, part: Course) -> None:
        """Write the course of some of the trials."""
        for item in fields(self):
            getattr(self, item.name)[trials] = getattr(part, item.name)

    def reshaped(self, shape: tuple[int, ...]) -> Course:
        """Return the same course in another shape."""
        return Course(**{item.name: getattr(self, item.name).reshape(shape) for item in fields(self)})

    def chance(self, top: int) -> FloatArray:
        """Return the probability that a ranking at random has an optimum in its top."""
        missed = np.ones(self.place.shape)
        for drawn in range(top):
            others = np.maximum(self.candidates - self.optima - drawn, 0)
            missed *= others / np.maximum(self.candidates - drawn, 1)
        return 1.0 - missed


def run_course(
    world: World, sampler: CheckedSampler, budget: int, choices: np.random.Generator, ties: np.random.Generator
) -> Course:
    """Let a sampler spend its budget in every trial of a world.

    Args:
        world: The trials.
        sampler: Who chooses and predicts.
        budget: N, finetunings per trial; a trial that runs out of candidates stops earlier.
        choices: Randomness that the sampler may use.
        ties: Randomness that breaks ties.

    Raises:
        PluginError: The sampler failed.
    """
    trials, benchmarks, candidates = world.truth.shape
    status = np.full((trials, candidates), Status.OPEN, dtype=np.int64)
    results = np.full(world.truth.shape, np.nan)
    state = StudyState(world.points, status, results, budget)
    course = Course.empty((trials, benchmarks, budget + 1))
    for n in range(budget + 1):
        _measure(course, n, world, state, sampler.belief(state), ties)
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
    truth = world.truth
    best = truth.max(axis=-1, keepdims=True)
    optimal = truth == best
    merit = belief.merit()
    ranking = np.lexsort((ties.random(merit.shape), -merit), axis=-1)
    informed = np.isfinite(merit).any(axis=-1)
    course.place[..., n] = 1 + np.take_along_axis(optimal, ranking, axis=-1).argmax(axis=-1)
    course.informed[..., n] = informed
    course.candidates[..., n] = truth.shape[-1]
    course.optima[..., n] = optimal.sum(axis=-1)

    done = (state.status == Status.DONE)[:, None, :]
    course.found[..., n] = (optimal & done).any(axis=-1)
    loss = 100.0 * (best - truth) / np.abs(best)
    trained = np.where(done, state.results, -np.inf).argmax(axis=-1)[..., None]
    recommended = np.where(done.any(axis=-1, keepdims=True), trained, ranking[..., :1])
    of_recommended = np.take_along_axis(loss, recommended, axis=-1)[..., 0]
    blind = ~informed & ~done.any(axis=-1)
    course.regret[..., n] = np.where(blind, loss.mean(axis=-1), of_recommended)
