"""How far a PCK can be trusted: bootstrap intervals over pairs.

All intervals are percentile intervals: B times, as many pairs as there are are drawn with replacement, and everything
is averaged anew; the interval holds the middle 95% of the B averages. Pairs are drawn and not keypoints, since the
keypoints of a pair succeed and fail together. Pairs that share images are not independent either: intervals tell about
further pairs of such images, and are too narrow for a claim about other images. With fewer than about 30 pairs they
are too narrow anyway.

Which pairs are drawn depends on their number, B and the seed alone. All representations of a data set are judged by
the same draws, so that two of them can be compared draw by draw. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from visionlaw.correspondence.groups import Groups
from visionlaw.correspondence.pairs import Floats, Indices, Matches, PairTable
from visionlaw.correspondence.same import check_same_pairs
from visionlaw.errors import DataError

LEVEL = 0.95
RESAMPLES = 1000
SEED = 0

# Pairs whose draws become floats at a time. More would make products that BLAS spreads over threads, which for so small
# ones costs more than it saves, and on a busy machine a hundred times more.
_BLOCK = 32

Interval = tuple[float, float]


@dataclass(frozen=True)
class Intervals:
    """Bounds of the averages of a :class:`visionlaw.correspondence.pck.Pck` and its breakdown, in %.

    The average of a single pair has the bounds 0 and 100: it tells nothing of other pairs.

    Attributes:
        value: Of the mean over pairs.
        per_keypoint: Of the share of all keypoints.
        per_category: Of the mean over the categories; a resample without a category averages over the others.
        categories: Of each category's mean.
        attributes: Attribute → value → of the mean over its pairs.
    """

    value: Interval
    per_keypoint: Interval
    per_category: Interval
    categories: Mapping[str, Interval]
    attributes: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Resamples of a data set's pairs, drawn once for all representations.

    Attributes:
        table: The pairs.
        counts: ``[P, B]`` how often each of the P pairs is in each of the B resamples: one byte each, 12 MB for 12,234
            pairs and 1,000 resamples.
        seed: What they were drawn with.
    """

    table: PairTable
    counts: NDArray[np.uint8]
    seed: int = SEED

    @classmethod
    def draw(cls, table: PairTable, resamples: int = RESAMPLES, seed: int = SEED) -> Bootstrap:
        """Draw ``resamples`` times as many pairs as there are, with replacement.

        Raises:
            DataError: There are too few resamples for an interval of 95%, or there is no pair.
        """
        least, size = round(2 / (1 - LEVEL)), len(table)
        if resamples < least:
            raise DataError(f"{resamples} resamples are too few for an interval of 95%.", f"Give {least} or more.")
        if not size:
            raise DataError("There is no pair with keypoints to score.", "Give a data set that has some.")
        rng = np.random.default_rng(seed)
        counts = np.empty((resamples, size), dtype=np.uint8)
        for row in counts:
            row[:] = np.bincount(rng.integers(0, size, size), minlength=size)
        return cls(table, np.ascontiguousarray(counts.T), seed)

    @property
    def resamples(self) -> int:
        """B, how many resamples there are."""
        return self.counts.shape[1]

    def intervals(self, matches: Matches, alpha: float) -> Intervals:
        """Return the bounds of all averages.

        Raises:
            DataError: The matches are of other pairs.
        """
        check_same_pairs(self.table, matches.table)
        shares, keypoints = matches.shares(alpha), np.diff(self.table.starts)
        sums = self._sums(shares, np.vstack([shares * keypoints, self._members * shares]))
        with np.errstate(invalid="ignore"):  # a group of which a resample has nothing is NaN there
            categories, others = (above / below for above, below in zip(sums, self._sizes, strict=True))
        averages = np.vstack([self._mean(sums[0]), others[0], np.nanmean(categories, axis=0)])
        value, per_keypoint, per_category = bounds(averages, [len(self.table)] * 3)
        by_category = self.table.by_category
        by_value = iter(bounds(others[1:], [size for groups in self._attributes for size in groups.sizes]))
        return Intervals(
            value=value,
            per_keypoint=per_keypoint,
            per_category=per_category,
            categories=dict(zip(by_category.names, bounds(categories, by_category.sizes), strict=True)),
            attributes={
                attribute: {name: next(by_value) for name in groups.names}
                for attribute, groups in self.table.by_attribute.items()
            },
        )

    def means(self, values: Floats) -> Floats:
        """Average values of the pairs ``[P]`` over each resample, ``[B]``."""
        return self._mean(self._sums(values, np.empty((0, len(values))))[0])

    def _mean(self, by_category: Floats) -> Floats:
        return by_category.sum(axis=0) / len(self.table)

    @property
    def _attributes(self) -> Sequence[Groups]:
        return list(self.table.by_attribute.values())

    @cached_property
    def _members(self) -> Floats:
        """``[V, P]``: 1 where a pair has a value of an attribute, else 0, for all V values of all attributes."""
        return np.vstack([np.empty((0, len(self.table))), *(groups.indicators() for groups in self._attributes)])

    @cached_property
    def _sizes(self) -> tuple[Floats, Floats]:
        """What the sums of :meth:`intervals` are divided by."""
        return self._sums(np.ones(len(self.table)), np.vstack([np.diff(self.table.starts), self._members]))

    @cached_property
    def _blocks(self) -> list[tuple[int, Indices]]:
        """The pairs, some of one category at a time: (category, pairs)."""
        member = self.table.by_category.member
        order = np.argsort(member, kind="stable")
        blocks: list[tuple[int, Indices]] = []
        for pairs in np.split(order, np.flatnonzero(np.diff(member[order])) + 1):
            blocks += [(int(member[pairs[0]]), pairs[at : at + _BLOCK]) for at in range(0, len(pairs), _BLOCK)]
        return blocks

    def _sums(self, values: Floats, more: Floats) -> tuple[Floats, Floats]:
        """Sum over each resample: ``values`` ``[P]`` by category, ``[c, B]``; and ``more`` ``[n, P]``, ``[n, B]``."""
        by_category = np.zeros((len(self.table.by_category.names), self.resamples))
        totals = np.zeros((len(more), self.resamples))
        rows = np.vstack([values, more])
        for category, pairs in self._blocks:
            sums = rows[:, pairs] @ self.counts[pairs].astype(np.float64)
            by_category[category] += sums[0]
            totals += sums[1:]
        return by_category, totals


def bounds(samples: Floats, sizes: Sequence[int] | Indices, lowest: float = 0.0) -> list[Interval]:
    """Return the middle 95% of each row of shares ``[n, B]``, in %; the whole range for averages of a single pair."""
    ordered = np.sort(samples, axis=1)
    last = np.isfinite(ordered).sum(axis=1, keepdims=True) - 1
    position = last * np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    below = np.floor(position).astype(np.int64)
    low, high = np.take_along_axis(ordered, below, 1), np.take_along_axis(ordered, np.minimum(below + 1, last), 1)
    middle = np.clip(100 * (low + (high - low) * (position - below)), lowest, 100)
    return [(a, b) if size > 1 else (lowest, 100.0) for size, (a, b) in zip(sizes, middle.tolist(), strict=True)]
