"""PCK, the percentage of correct keypoints: how often the features point to the right place. PROTOCOLS §3.

A keypoint is right when it is found closer than ``α · size`` to the truth, strictly, in pixels of the original target
image. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionlaw.errors import DataError
from visionlaw.guard import third_party
from visionlaw.protocols import Pair

ALPHAS = (0.01, 0.05, 0.10, 0.15)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Matches:
    """Where the keypoints of one pair were found.

    Attributes:
        pair: The pair's id.
        category: The pair's category.
        found: ``[m, 2]`` pixel positions (x, y) in the target.
        errors: ``[m]`` distances to the truth as shares of the pair's size: α at which they become right.
    """

    pair: str
    category: str
    found: Floats
    errors: Floats

    def correct(self, alpha: float) -> NDArray[np.bool_]:
        """Whether each keypoint is right, ``[m]``: strictly closer than ``alpha`` times the pair's size."""
        return self.errors < alpha


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


def pck(matches: Sequence[Matches], alpha: float) -> Pck:
    """Average over pairs, keypoints and categories.

    Args:
        matches: One per pair, each with at least one keypoint.
        alpha: The share of the pair's size within which a keypoint is right.

    Raises:
        DataError: There is no pair.
    """
    if not matches:
        raise DataError("There is no pair with keypoints to score.", "Give a data set that has some.")
    correct = [m.correct(alpha) for m in matches]
    shares = 100 * np.array([c.mean() for c in correct])
    names = np.array([m.category for m in matches])
    categories = {str(name): float(shares[names == name].mean()) for name in np.unique(names)}
    return Pck(
        alpha=alpha,
        value=float(shares.mean()),
        per_keypoint=100 * float(np.concatenate(correct).mean()),
        categories=categories,
        per_category=float(np.mean(list(categories.values()))),
    )


def check_pair(pair: Pair) -> Pair:
    """Return the pair if it can be scored.

    Raises:
        DataError: Its points do not belong together, are not finite, or its size is not a positive number.
    """
    source, target = np.shape(pair.source_points), np.shape(pair.target_points)
    if source != target or len(source) != 2 or source[1] != 2:
        raise DataError(f"Pair '{pair.id}' has points of shapes {source} and {target}, not twice [m, 2].")
    if not (np.isfinite(pair.source_points).all() and np.isfinite(pair.target_points).all()):
        raise DataError(f"Pair '{pair.id}' has a point that is not finite.", "Leave points out that are not visible.")
    if not (np.isfinite(pair.size) and pair.size > 0):
        raise DataError(f"Pair '{pair.id}' has the size {pair.size}, which α cannot multiply.", "Mend the data set.")
    return pair


def read_pairs(dataset: Iterable[object]) -> list[Pair]:
    """Return the pairs of a data set, checked.

    Raises:
        DataError: One is malformed, or no :class:`visionlaw.protocols.Pair`.
        PluginError: The data set fails.
    """
    pairs: list[Pair] = []
    with third_party("Reading the image pairs"):
        for given in dataset:
            if not isinstance(given, Pair):
                raise DataError(f"The data set gave {type(given).__name__} where a Pair is expected.", "Mend it.")
            pairs.append(check_pair(given))
    return pairs


def scorable(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs that have keypoints.

    Raises:
        DataError: None has.
    """
    kept = [pair for pair in pairs if len(pair.source_points)]
    if not kept:
        raise DataError("The data set has no pair with keypoints.", "Give one that has some.")
    return kept
