"""Whether matches are of the same pairs, without which nothing about them may be compared. Imports no torch."""

from __future__ import annotations

import numpy as np

from visionlaw.correspondence.pairs import PairTable
from visionlaw.errors import DataError
from visionlaw.protocols import Instances, Pair

_REMEDY = "Compare representations on one data set, of one version, seed and split."


def check_same_pairs(one: PairTable, other: PairTable) -> None:
    """Return if two tables hold the same pairs in the same order.

    Raises:
        DataError: They do not.
    """
    if one is other:
        return
    if len(one) != len(other):
        raise DataError(f"The matches are of {len(one)} and of {len(other)} pairs.", _REMEDY)
    for a, b in zip(one.pairs, other.pairs, strict=True):
        if not _same(a, b):
            raise DataError(f"The matches are of different pairs, such as '{a.id}' and '{b.id}'.", _REMEDY)


def _same(a: Pair, b: Pair) -> bool:
    """Whether pairs agree in all that decides which keypoints are right."""
    names = a.id == b.id and a.source.key == b.source.key and a.target.key == b.target.key
    points = np.array_equal(a.source_points, b.source_points) and np.array_equal(a.target_points, b.target_points)
    return names and points and np.array_equal(a.size, b.size) and _same_instances(a.instances, b.instances)


def _same_instances(a: Instances | None, b: Instances | None) -> bool:
    if a is None or b is None:
        return a is b
    return (
        np.array_equal(a.keypoint, b.keypoint) and np.array_equal(a.points, b.points) and np.array_equal(a.size, b.size)
    )
