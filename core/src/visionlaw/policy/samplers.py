"""The samplers of core: the papers' region sampling, and the random choice that it must beat.

Both rank by the papers' quadratic law; they differ in what they train.
"""

from __future__ import annotations

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray, IntArray
from visionlaw.policy.quadratic import predict_quadratic
from visionlaw.policy.reasons import random_reason, region_reason
from visionlaw.policy.regions import FINEST_LEVEL, FIRST_LEVEL, region_of
from visionlaw.policy.state import Status, StudyState
from visionlaw.specs import SamplerSpec


class RegionSampler:
    """Explore the (A, C) plane evenly (ICLR Algorithm 3, COLM Algorithm 2; PROTOCOLS §5).

    At level j the normalised plane is cut into 4^j equal regions, from 2×2 on. At the coarsest level where some region
    has open candidates and none that is trained or running, such a region is drawn at random, then one of its open
    candidates. A failed finetuning says nothing about its region, which stays unexplored. Studies of several benchmarks
    use the mean of a candidate's points.

    The choice depends on the state alone, so that candidates may come, go or be trained elsewhere in between.
    """

    def __init__(self, spec: SamplerSpec | None = None) -> None:
        self.spec = spec

    def ask(self, state: StudyState, rng: np.random.Generator) -> IntArray:
        """Choose an open candidate for each trial: ``[T]`` indices, -1 where none is open."""
        points = state.points.mean(axis=1)
        taken = (state.status == Status.PENDING) | (state.status == Status.DONE)
        luck = rng.exponential(size=state.status.shape)
        chosen = np.where(state.open, luck, np.inf).argmin(axis=-1)
        # Trials where all open candidates coincide with taken ones leave the loop with that plain random choice.
        unsettled = np.flatnonzero(state.open.any(axis=-1))
        for level in range(FIRST_LEVEL, FINEST_LEVEL + 1):
            if not len(unsettled):
                break
            regions = region_of(points[unsettled], level)
            fresh = state.open[unsettled] & ~_shares_region(regions, taken[unsettled])
            settled = fresh.any(axis=-1)
            trials = unsettled[settled]
            chosen[trials] = _draw(regions[settled], fresh[settled], luck[trials])
            unsettled = unsettled[~settled]
        return np.where(state.open.any(axis=-1), chosen, -1)

    def predict(self, state: StudyState) -> FloatArray:
        """Predict performance ``[T, b, k]`` by the quadratic law."""
        return predict_quadratic(state)

    def explain(self, state: StudyState, choice: int) -> str:
        """Say which part of the (A, C) plane was unexplored."""
        return region_reason(state, choice)


class RandomSampler:
    """Train open candidates at random: the control of every other sampler."""

    def __init__(self, spec: SamplerSpec | None = None) -> None:
        self.spec = spec

    def ask(self, state: StudyState, rng: np.random.Generator) -> IntArray:
        """Choose an open candidate for each trial: ``[T]`` indices, -1 where none is open."""
        luck = np.where(state.open, rng.random(state.status.shape), np.inf)
        return np.where(state.open.any(axis=-1), luck.argmin(axis=-1), -1)

    def predict(self, state: StudyState) -> FloatArray:
        """Predict performance ``[T, b, k]`` by the quadratic law."""
        return predict_quadratic(state)

    def explain(self, state: StudyState, choice: int) -> str:
        """Say among how many candidates chance chose."""
        return random_reason(state, choice)


def _shares_region(regions: IntArray, taken: BoolArray) -> BoolArray:
    """Return ``[T, k]``: whether a candidate's region holds a taken one."""
    shares = np.zeros(regions.shape, dtype=np.bool_)
    order = np.argsort(~taken, axis=-1, kind="stable")
    for slot in range(int(taken.sum(axis=-1).max(initial=0))):
        at = order[:, slot, None]
        counts = np.take_along_axis(taken, at, axis=-1)
        shares |= (regions == np.take_along_axis(regions, at, axis=-1)) & counts
    return shares


def _draw(regions: IntArray, fresh: BoolArray, luck: FloatArray) -> IntArray:
    """Draw a region, then a candidate in it, for each trial ``[T]``.

    That is one draw in which a candidate weighs one over the number of fresh candidates in its region; the smallest of
    exponential waiting times with those rates is such a draw.
    """
    trial, candidate = np.nonzero(fresh)
    region_of_trial = trial * 4**FINEST_LEVEL + regions[fresh]
    _, group, size = np.unique(region_of_trial, return_inverse=True, return_counts=True)
    waiting = np.full(fresh.shape, np.inf)
    waiting[trial, candidate] = luck[trial, candidate] * size[group]
    return waiting.argmin(axis=-1)
