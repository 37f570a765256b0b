"""Calibration: whether a sampler's chances come true as often as it says, and its intervals cover what they promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.belief import Belief
from visionlaw.policy.course import World
from visionlaw.policy.state import StudyState

LEVELS = (0.80, 0.95)
BINS = 10
CONTENDING = 0.01
"""Chance of being the best from which on a candidate contends for it."""


@dataclass(frozen=True)
class Calibration:
    """Counts over the states of a replay; give it to :func:`visionlaw.policy.replay.replay` as ``watch``.

    Chances are those of being the best, of every candidate in every state, in ten bins of 0–1. Intervals are those of a
    normal distribution, of the results of candidates that are not trained yet, against what training would tell: of all
    of them, and of those that contend, since what matters to a policy is how far up these may be.

    Attributes:
        believed: ``[10]``: sum of the chances in each bin.
        true: ``[10]``: how many of these candidates were the best, shares of ties.
        counted: ``[10]``: how many there were.
        covered: ``[2, 2]``: how many results were in the 80% and in the 95% interval, of all and of contenders.
        results: ``[2]``: how many there were.
    """

    believed: FloatArray = field(default_factory=lambda: np.zeros(BINS))
    true: FloatArray = field(default_factory=lambda: np.zeros(BINS))
    counted: IntArray = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    covered: IntArray = field(default_factory=lambda: np.zeros((2, len(LEVELS)), dtype=np.int64))
    results: IntArray = field(default_factory=lambda: np.zeros(2, dtype=np.int64))

    def __call__(self, world: World, state: StudyState, belief: Belief) -> None:
        """Count one state of all trials."""
        optimal = world.loss() == 0
        share = optimal / optimal.sum(axis=-1, keepdims=True)
        known = np.isfinite(belief.best)
        bins = np.minimum((belief.best[known] * BINS).astype(np.int64), BINS - 1)
        for total, values in ((self.believed, belief.best[known]), (self.true, share[known])):
            total += np.bincount(bins, values, minlength=BINS)
        self.counted[:] += np.bincount(bins, minlength=BINS)

        open_ = np.broadcast_to(state.open[:, None, :], belief.mean.shape)
        judged = open_ & np.isfinite(belief.mean) & np.isfinite(belief.standard_error)
        missed = np.abs(world.told - belief.mean)
        for group, counts in enumerate((judged, judged & known & (belief.best >= CONTENDING))):
            self.results[group] += counts.sum()
            for i, level in enumerate(LEVELS):
                inside = missed[counts] <= ndtri((1 + level) / 2) * belief.standard_error[counts]
                self.covered[group, i] += inside.sum()

    def coverage(self, *, contenders: bool = False) -> Mapping[float, float]:
        """Return by level what share of the results was in the interval; NaN where none was judged."""
        covered, results = self.covered[int(contenders)], self.results[int(contenders)]
        shares = covered / results if results else np.full(len(LEVELS), np.nan)
        return dict(zip(LEVELS, map(float, shares), strict=True))

    def reliability(self) -> FloatArray:
        """Return ``[bins, 3]``: mean chance, share that was the best, and number, of each bin that holds any."""
        some = self.counted > 0
        n = self.counted[some].astype(np.float64)
        return np.stack([self.believed[some] / n, self.true[some] / n, n], axis=-1)
