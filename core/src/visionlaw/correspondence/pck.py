"""PCK, the percentage of correct keypoints: how often the features point to the right place. PROTOCOLS §3.

A keypoint is right when it is found closer than ``α · size`` to the truth, strictly, in pixels of the original target
image. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visionlaw.correspondence.groups import Groups
from visionlaw.correspondence.pairs import Floats, Matches
from visionlaw.errors import DataError

ALPHAS = (0.01, 0.05, 0.10, 0.15)


@dataclass(frozen=True)
class Pck:
    """PCK over a data set at one α, in %.

    Attributes:
        alpha: The share of the size within which a keypoint is right.
        value: Mean over pairs of the pair's share (per-image PCK, eq. 3): the score C.
        per_keypoint: Share of all keypoints (micro average).
        categories: Mean over the pairs of each category.
        per_category: Mean over the categories (macro average).
    """

    alpha: float
    value: float
    per_keypoint: float
    categories: Mapping[str, float]
    per_category: float


@dataclass(frozen=True)
class GroupMean:
    """The mean over some of the pairs.

    Attributes:
        value: In %.
        pairs: How many they are.
    """

    value: float
    pairs: int


def pck(matches: Matches, alpha: float) -> Pck:
    """Average over pairs, keypoints and categories.

    Args:
        matches: Of at least one pair.
        alpha: The share of the size within which a keypoint is right.

    Raises:
        DataError: There is no pair.
    """
    if not len(matches.table):
        raise DataError("There is no pair with keypoints to score.", "Give a data set that has some.")
    shares = matches.shares(alpha)
    groups = matches.table.by_category
    means = 100 * groups.means(shares)
    return Pck(
        alpha=alpha,
        value=100 * float(shares.mean()),
        per_keypoint=100 * float(matches.correct(alpha).mean()),
        categories=dict(zip(groups.names, means.tolist(), strict=True)),
        per_category=float(means.mean()),
    )


def breakdown(matches: Matches, alpha: float) -> dict[str, dict[str, GroupMean]]:
    """Average over the pairs of each value of each attribute: attribute → value → mean.

    Which attributes and values these are is told in :mod:`visionlaw.correspondence.groups`; the mean of each category
    is in :class:`Pck`.
    """
    shares = 100 * matches.shares(alpha)
    return {name: _means(groups, shares) for name, groups in matches.table.by_attribute.items()}


def _means(groups: Groups, shares: Floats) -> dict[str, GroupMean]:
    figures = zip(groups.names, groups.means(shares).tolist(), groups.sizes.tolist(), strict=True)
    return {name: GroupMean(mean, size) for name, mean, size in figures}
