"""Covariances between settings and benchmarks under the hierarchical law, and how probable they make the results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray, IntArray, inverse
from visionlaw.law.kernels import PRIOR_SPREAD, Kernel

INTERCEPT = 4.0
"""Prior variance of each benchmark's level, in variances of its results: next to nothing is assumed."""
SHARED_PRIOR = (1.0, 1.5)
"""Mean and standard deviation of the log-odds of what all benchmarks share: probably most of a law, .73 (.14–.98)."""
KIND_PRIOR = (0.0, 1.5)
"""The same of what benchmarks of a kind share of the rest."""
COMMON_PRIOR = (0.0, 1.0)
"""The same of what a setting's scatter has in common on all benchmarks."""
SCATTER_PRIOR = (math.log(0.3), PRIOR_SPREAD)
"""Of the logarithm of the scatter's standard deviation, in standard deviations of a benchmark's results."""


@dataclass(frozen=True)
class Hyper:
    """Hyper-parameters of a hierarchical law.

    Attributes:
        shape: The parameters of the kernel.
        shared: Share of a law's variance that is one law for all benchmarks.
        kind: Share of the rest that is one law for all benchmarks of a kind.
        common: Correlation of a setting's scatter between benchmarks.
        scatter: Standard deviation of that scatter, in standard deviations of the benchmark's results.
    """

    shape: FloatArray
    shared: float
    kind: float
    common: float
    scatter: float


class Covariances:
    """Covariances over k settings and b benchmarks.

    With one benchmark there is nothing to share: the model is a plain Gaussian process.

    Args:
        kernel: The shape.
        points: ``[b, k, 2]``.
        kinds: ``[b]``.
    """

    def __init__(self, kernel: Kernel, points: FloatArray, kinds: Sequence[str]) -> None:
        self.kernel = kernel
        self.benchmarks, self.settings = points.shape[:2]
        self._points = points.reshape(-1, 2)
        self._kinds = np.unique(np.array(kinds), return_inverse=True)[1]
        self._owner = self.repeated(self.settings)
        self._same, self._alike = self._relations(self._owner, self._owner)

    def repeated(self, count: int) -> IntArray:
        """Return ``[b · count]``: each benchmark's number, ``count`` times over."""
        return np.repeat(np.arange(self.benchmarks, dtype=np.int64), count)

    def prior(self) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations of the unbounded hyper-parameters ``[q]``."""
        rest = (SHARED_PRIOR, KIND_PRIOR, COMMON_PRIOR, SCATTER_PRIOR)
        centre = [*np.log(list(self.kernel.medians.values())), *(mean for mean, _ in rest)]
        spread = [*[PRIOR_SPREAD] * len(self.kernel.medians), *(spread for _, spread in rest)]
        return np.array(centre, dtype=np.float64), np.array(spread, dtype=np.float64)

    def read(self, theta: FloatArray) -> Hyper:
        """Return the hyper-parameters that unbounded ones ``[q]`` stand for."""
        shared, kind, common = (float(share) for share in 1 / (1 + np.exp(-theta[-4:-1])))
        return Hyper(np.exp(theta[:-4]), shared, kind, common, float(np.exp(theta[-1])))

    def of_results(self, hyper: Hyper) -> FloatArray:
        """Return the covariance ``[n, n]`` of the n = b·k results."""
        shape = self._shape(hyper)[0]
        covariance = shape * _sharing(self._same, self._alike, hyper) + INTERCEPT * self._same
        self.diagonals(covariance)[...] += self._scatter(hyper)
        return covariance

    def across(self, points: FloatArray, benchmark: IntArray, hyper: Hyper) -> FloatArray:
        """Return the covariance ``[m, n]`` of the laws at points ``[m, 2]`` of benchmarks ``[m]`` with the results."""
        return self.between(points, benchmark, self._points, self._owner, hyper)

    def between(
        self, points: FloatArray, benchmark: IntArray, others: FloatArray, owner: IntArray, hyper: Hyper
    ) -> FloatArray:
        """Return the covariance ``[m, l]`` of the laws at two sets of points."""
        same, alike = self._relations(benchmark, owner)
        shape = self.kernel.covariance(points[:, None], others[None], hyper.shape)[0]
        return shape * _sharing(same, alike, hyper) + INTERCEPT * same

    def variance(self, points: FloatArray, hyper: Hyper) -> FloatArray:
        """Return the prior variance ``[m]`` of the laws at points ``[m, 2]``."""
        return self.kernel.covariance(points, points, hyper.shape)[0] + INTERCEPT

    def log_evidence(self, theta: FloatArray, results: FloatArray) -> tuple[float, FloatArray]:
        """Return the log density of the results ``[n]``, but for a constant, and its gradient ``[q]``."""
        hyper = self.read(theta)
        shape, slopes = self._shape(hyper)
        sharing, scatter = _sharing(self._same, self._alike, hyper), self._scatter(hyper)
        covariance = shape * sharing + INTERCEPT * self._same
        self.diagonals(covariance)[...] += scatter
        root = np.linalg.cholesky(covariance).astype(np.float64)
        half = inverse(root)
        precision = half.T @ half
        weights = precision @ results
        evidence = -0.5 * float(results @ weights) - float(np.log(np.diag(root)).sum())
        # d evidence = tr(G dK)/2
        G = np.outer(weights, weights) - precision
        by_benchmark = np.einsum("bcj->bc", self.diagonals(G))
        own = np.eye(self.benchmarks)
        through_law = G * sharing
        return evidence, 0.5 * np.array(
            [
                *(np.vdot(through_law, slope) for slope in slopes),
                np.vdot(G, shape * (1 - self._rest(hyper.kind))) * _steepness(hyper.shared),
                np.vdot(G, shape * (self._alike - self._same)) * (1 - hyper.shared) * _steepness(hyper.kind),
                float((by_benchmark * (1 - own)).sum()) * hyper.scatter**2 * _steepness(hyper.common),
                2 * float((by_benchmark * scatter[..., 0]).sum()),
            ]
        )

    def _shape(self, hyper: Hyper) -> tuple[FloatArray, list[FloatArray]]:
        return self.kernel.covariance(self._points[:, None], self._points[None], hyper.shape)

    def _relations(self, benchmark: IntArray, owner: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return which pairs are of one benchmark, and which of one kind, as 0 and 1."""
        same = benchmark[:, None] == owner[None]
        alike = self._kinds[benchmark][:, None] == self._kinds[owner][None]
        return same.astype(np.float64), alike.astype(np.float64)

    def _rest(self, kind: float) -> FloatArray:
        return kind * self._alike + (1 - kind) * self._same

    def _scatter(self, hyper: Hyper) -> FloatArray:
        """Return ``[b, b, 1]``: the covariance of one setting's scatter."""
        own = np.eye(self.benchmarks)
        return (hyper.scatter**2 * (hyper.common + (1 - hyper.common) * own))[..., None]

    def diagonals(self, covariance: FloatArray) -> FloatArray:
        """Return a view ``[b, b, k]`` of the entries that concern one setting twice."""
        b, k = self.benchmarks, self.settings
        return np.einsum("bjcj->bcj", covariance.reshape(b, k, b, k))


def _sharing(same: FloatArray, alike: FloatArray, hyper: Hyper) -> FloatArray:
    """Return the correlation of two benchmarks' laws: one, or what they share."""
    return hyper.shared + (1 - hyper.shared) * (hyper.kind * alike + (1 - hyper.kind) * same)


def _steepness(share: float) -> float:
    return share * (1 - share)
