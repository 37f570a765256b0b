"""The hierarchical law: the benchmarks' laws are drawn from one prior, so that each learns from all.

Performance of benchmark b, in standard units, is ``c_b + f_b(A, C) + e``. The f_b are Gaussian processes of one shape:
a part that all benchmarks share, one that those of a kind share, and one of b's own. The scatter e of a setting may
be shared between benchmarks too (an encoder that is better than its A and C say is so everywhere), which tells the
model that eight results of one setting are not eight settings; for a setting not seen it says nothing but its size.

The shares, the scatter and the parameters of the shape are set to their most probable values given the settings that
the model is fitted to (type-II maximum a posteriori), everything else is integrated out exactly. Benchmarks differ in
how well A and C explain them: in the end each one's error is scaled by a factor of its own, learnt from its fitted
settings left out in turn, under a conjugate prior about 1. That makes predictions Student-t.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray, IntArray, inverse
from visionlaw.errors import DataError
from visionlaw.law.covariance import Covariances, Hyper
from visionlaw.law.kernels import kernel_of
from visionlaw.law.monotone import multipliers
from visionlaw.law.predictive import Predictive
from visionlaw.law.scales import Scales
from visionlaw.law.tables import LawTable

FEWEST = 3
"""Settings below which no scatter can be told from a law."""
MOST = 400
"""Results above which a fit would take minutes: its time grows with their third power."""
STEPS = 200
WITHIN = 4.0
"""How many standard deviations of its prior a hyper-parameter may leave its median."""
PRIOR_SETTINGS = 4.0
"""How many settings the prior weighs that a benchmark's error is what the model says (inverse gamma)."""
LATTICE = np.linspace(-1.5, 1.5, 25)
"""Where a monotone law is held to rise: to a quarter of the range beyond the settings' extremes. Between neighbouring
points it may dip, by less than a hundredth of a standard deviation on the published tables."""


@dataclass(frozen=True)
class Hierarchical:
    """A hierarchical law.

    Attributes:
        shape: One of ``kernels.KERNELS``.
        monotone: Whether performance may fall neither with A nor with C. The expectation is then the most probable one
            among the laws that rise from point to point of a lattice; the error stays that of the free law, which
            overstates it. Only for separable shapes.
    """

    shape: str = "additive"
    monotone: bool = False

    @property
    def name(self) -> str:
        """``hierarchical`` and the shape; ``, monotone`` where it is constrained."""
        return f"hierarchical {self.shape}{', monotone' if self.monotone else ''}"

    def fit(self, table: LawTable) -> FittedHierarchical:
        """Fit all benchmarks of a finished table at once.

        Raises:
            DataError: An unknown shape, one that cannot be held monotone, or fewer than 3 settings or more than 400
                results.
        """
        kernel = kernel_of(self.shape)
        if self.monotone and not kernel.separable:
            raise DataError(f"The {self.shape} shape cannot be held monotone.", "Use the additive shape.")
        if len(table.settings) < FEWEST:
            raise DataError(
                f"{len(table.settings)} settings are too few for a hierarchical law.",
                f"Give at least {FEWEST} finished settings.",
            )
        if table.performance.size > MOST:
            raise DataError(
                f"{table.performance.size} results are too many for a hierarchical law: it takes at most {MOST}.",
                "Fit fewer benchmarks at a time, or use a simple form: so many settings determine one.",
            )
        scales = Scales.of(table)
        points = scales.points(table.A, table.C)
        results = scales.performance.onto(table.performance)
        covariances = Covariances(kernel, points, table.kinds)
        hyper = _most_probable(covariances, results.ravel())
        return FittedHierarchical(scales, covariances, hyper, results.ravel(), self.monotone)


def _most_probable(covariances: Covariances, results: FloatArray) -> Hyper:
    """Climb to the most probable hyper-parameters, from the medians of their priors."""
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    centre, spread = covariances.prior()

    def cost(theta: FloatArray) -> tuple[float, FloatArray]:
        evidence, slope = covariances.log_evidence(theta, results)
        off = (theta - centre) / spread
        return 0.5 * float(off @ off) - evidence, off / spread - slope

    library: Any = optimize
    bounds = list(zip(centre - WITHIN * spread, centre + WITHIN * spread, strict=True))
    best = library.minimize(cost, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    return covariances.read(np.asarray(best.x, dtype=np.float64))


@dataclass(frozen=True)
class FittedHierarchical:
    """What predictions need: where the settings are, what is believed of the hyper-parameters, and the results.

    Attributes:
        hyper: The most probable hyper-parameters.
    """

    scales: Scales
    covariances: Covariances
    hyper: Hyper
    results: FloatArray
    monotone: bool

    def predict(self, A: FloatArray, C: FloatArray) -> Predictive:
        """Predict results at A and C ``[b, m]``: Student-t, with the hyper-parameters taken as known."""
        b, m = A.shape
        points, benchmark = self.scales.points(A, C).reshape(-1, 2), self.covariances.repeated(m)
        across = self.covariances.across(points, benchmark, self.hyper)
        mean = across @ self._weights
        variance = self.covariances.variance(points, self.hyper) - np.einsum(
            "ij,jk,ik->i", across, self._precision, across, optimize=True
        )
        if self.monotone:
            mean = mean + self._lift(points, benchmark, across)
        scale = self._doubt * np.sqrt(np.maximum(variance, 0.0) + self.hyper.scatter**2).reshape(b, m)
        performance = self.scales.performance
        freedom = PRIOR_SETTINGS + self.covariances.settings
        return Predictive(performance.back(mean.reshape(b, m)), performance.unit * scale, freedom)

    @cached_property
    def _precision(self) -> FloatArray:
        return inverse(self.covariances.of_results(self.hyper))

    @cached_property
    def _weights(self) -> FloatArray:
        return self._precision @ self.results

    @cached_property
    def _doubt(self) -> FloatArray:
        """Factor ``[b, 1]`` of each benchmark's error.

        Leaving a setting out needs no refitting: its errors are ``P⁻¹ w`` with covariance ``P⁻¹``, P the block of the
        precision that is the setting's and w its weights.
        """
        blocks = self.covariances.diagonals(self._precision).transpose(2, 0, 1)
        covariance = inverse(blocks)
        weights = self._weights.reshape(self.covariances.benchmarks, -1).T
        missed = np.einsum("jbc,jc->jb", covariance, weights) ** 2 / np.einsum("jbb->jb", covariance)
        return np.sqrt((PRIOR_SETTINGS + missed.sum(axis=0)) / (PRIOR_SETTINGS + len(missed)))[:, None]

    def _lift(self, points: FloatArray, benchmark: IntArray, across: FloatArray) -> FloatArray:
        """Return what the monotone prior adds to the expectation at points ``[n, 2]``."""
        lattice, owner, pull = self._held
        between = self.covariances.between(points, benchmark, lattice, owner, self.hyper)
        known = self.covariances.across(lattice, owner, self.hyper)
        return (between - across @ self._precision @ known.T) @ pull

    @cached_property
    def _held(self) -> tuple[FloatArray, IntArray, FloatArray]:
        """The lattice ``[l, 2]``, whose benchmark each point is of, and with what weight it pulls."""
        covariances, hyper = self.covariances, self.hyper
        axes = np.zeros((2, len(LATTICE), 2))
        axes[0, :, 0] = axes[1, :, 1] = LATTICE
        lattice, owner = np.tile(axes.reshape(-1, 2), (covariances.benchmarks, 1)), covariances.repeated(axes.size // 2)
        known = covariances.across(lattice, owner, hyper)
        mean = known @ self._weights
        posterior = covariances.between(lattice, owner, lattice, owner, hyper) - known @ self._precision @ known.T
        step = np.eye(len(LATTICE))[1:] - np.eye(len(LATTICE))[:-1]
        rise = np.kron(np.eye(2 * covariances.benchmarks), step)
        return lattice, owner, rise.T @ multipliers(rise @ mean, rise @ posterior @ rise.T)
