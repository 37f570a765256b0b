"""Regressions of scikit-learn as samplers: what one would try first, and what a policy of its own must beat.

Both know nothing of other benchmarks. With fewer than two results they predict nothing and train at random; afterwards
they train where they expect to improve most on the best result so far.
"""

# scikit-learn and scipy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, cast

import numpy as np
from scipy.special import ndtr
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.law.forms import FORMS, design
from visionlaw.policy.belief import Belief
from visionlaw.policy.state import StudyState
from visionlaw.specs import SamplerSpec

FEWEST = 2
REMEMBERED = 2048
"""Fits that are kept: asking follows believing, and trials meet the same results again."""
TERMS = tuple(term for term in FORMS["AC-quadratic"] if term != "1")


class RegressionSampler(ABC):
    """A regression of performance on A and C, refitted to each benchmark of each trial after each result."""

    def __init__(self, spec: SamplerSpec | None = None) -> None:
        self.spec = spec
        self._remembered = lru_cache(REMEMBERED)(self._fitted)

    @abstractmethod
    def regress(self, points: FloatArray, results: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return expectation and standard error ``[k]`` at points ``[k, 2]``, from results ``[n]`` at ``[n, 2]``.

        Results are standardised; the error is that of a new result.
        """

    def ask(self, state: StudyState, rng: np.random.Generator) -> IntArray:
        """Choose the open candidate of the greatest expected improvement: ``[T]`` indices, -1 where none is open.

        Joint studies take the mean over their benchmarks, in units of the spread of each benchmark's results.
        """
        gain = np.nan_to_num(self._improvement(state), nan=0.0).mean(axis=1)
        gain = np.where(state.open, gain, -np.inf)
        # Ties at random: before the second result, all candidates are tied.
        tied = gain == gain.max(axis=-1, keepdims=True)
        luck = np.where(tied, rng.random(gain.shape), -1.0)
        return np.where(state.open.any(axis=-1), luck.argmax(axis=-1), -1)

    def predict(self, state: StudyState) -> FloatArray:
        """Predict performance ``[T, b, k]``: what was observed where it was, else the regression's expectation."""
        return self.belief(state).mean

    def belief(self, state: StudyState) -> Belief:
        """Return expectations with their errors; the chance of being the best is not known."""
        mean, error = self._regressed(state)
        observed = np.isfinite(state.results) & np.isfinite(mean)
        return Belief(np.where(observed, state.results, mean), error, np.full(mean.shape, np.nan))

    def _improvement(self, state: StudyState) -> FloatArray:
        """Return the expected improvement on the best result ``[T, b, k]`` in units of the results' spread."""
        mean, error = self._regressed(state)
        known = np.isfinite(state.results)
        best = np.where(known, state.results, -np.inf).max(axis=-1, keepdims=True, initial=-np.inf)
        _, spread = _standard(state.results)
        z = np.divide(mean - best, error, out=np.full(mean.shape, np.nan), where=error > 0)
        return error / spread * (z * ndtr(z) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))

    def _regressed(self, state: StudyState) -> tuple[FloatArray, FloatArray]:
        mean, error = np.full(state.results.shape, np.nan), np.full(state.results.shape, np.nan)
        centre, spread = _standard(state.results)
        known = np.isfinite(state.results)
        for cell in map(tuple, np.argwhere(known.sum(axis=-1) >= FEWEST)):
            standardised = (state.results[cell] - centre[cell]) / spread[cell]
            expected, deviation = self._remembered(state.points[cell].tobytes(), standardised.tobytes())
            mean[cell] = centre[cell] + spread[cell] * expected
            error[cell] = spread[cell] * deviation
        return mean, error

    def _fitted(self, points: bytes, results: bytes) -> tuple[FloatArray, FloatArray]:
        at, told = np.frombuffer(points).reshape(-1, 2), np.frombuffer(results)
        used = np.isfinite(told)
        return self.regress(at[used], told[used], at)


class GaussianProcess(RegressionSampler):
    """A squared-exponential kernel with a length of its own for A and for C, and noise, by greatest likelihood."""

    def regress(self, points: FloatArray, results: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return expectation and standard error ``[k]``."""
        lengths = cast("Any", [0.5, 0.5])
        kernel = ConstantKernel(1.0, (0.1, 10.0)) * RBF(lengths, (0.1, 10.0)) + WhiteKernel(0.01, (1e-4, 0.3))
        process = GaussianProcessRegressor(kernel)
        with warnings.catch_warnings():
            # A handful of results often leave a length at its bound, which is there for that.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(points, results)
        return cast("tuple[FloatArray, FloatArray]", process.predict(at, return_std=True))


class RidgeRegression(RegressionSampler):
    """Bayesian ridge regression on A, C, A², AC, C²; both precisions by greatest evidence."""

    def regress(self, points: FloatArray, results: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return expectation and standard error ``[k]``."""
        ridge = BayesianRidge().fit(design(points[:, 0], points[:, 1], TERMS), results)
        predicted = ridge.predict(design(at[:, 0], at[:, 1], TERMS), return_std=True)
        return cast("tuple[FloatArray, FloatArray]", predicted)


def _standard(results: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation ``[T, b, 1]`` of what is known; a deviation of 0 counts as 1."""
    known = np.isfinite(results)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    centre = np.where(known, results, 0.0).sum(axis=-1, keepdims=True) / count
    spread = np.sqrt((np.where(known, results - centre, 0.0) ** 2).sum(axis=-1, keepdims=True) / count)
    return centre, np.where(spread > 0, spread, 1.0)
