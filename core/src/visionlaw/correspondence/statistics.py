"""What is told about a representation's matches beside C, and the comparison of two of them on the same pairs.

Intervals and comparison are those of :mod:`visionlaw.correspondence.bootstrap`. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.correspondence.bootstrap import LEVEL, Bootstrap, Interval, bounds
from visionlaw.correspondence.pairs import Matches
from visionlaw.correspondence.pck import ALPHAS, breakdown, pck
from visionlaw.correspondence.same import check_same_pairs


@dataclass(frozen=True)
class McNemar:
    """The exact McNemar test on keypoints.

    It takes keypoints for independent, which those of a pair are not: its p is too small, the more so the more
    keypoints pairs have. The bootstrap over pairs decides.

    Attributes:
        first_only: Keypoints that only the first representation finds.
        second_only: Keypoints that only the second finds.
        p: How likely so uneven a split is, or a more uneven one, if either is as likely; two-sided, 1 without any.
    """

    first_only: int
    second_only: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """Two representations on the same pairs.

    Attributes:
        alpha: The share of the size within which a keypoint is right.
        first: C of the first representation, in %.
        second: C of the second.
        difference: ``first - second``, in percentage points.
        interval: Of the difference, over the same resamples of pairs for both.
        p: Two-sided: twice the share of resamples, of which one more is counted, in which the difference is gone or
            turned round. Never less than ``2^(1 - d)`` where d pairs differ, which is what the sign test leaves
            possible: few pairs prove nothing, however much they agree.
        keypoints: The test on keypoints, to be read with its caution.
    """

    alpha: float
    first: float
    second: float
    difference: float
    interval: Interval
    p: float
    keypoints: McNemar


def compare(first: Matches, second: Matches, alpha: float, bootstrap: Bootstrap) -> Comparison:
    """Compare two representations on the same pairs.

    Args:
        first: The matches of one.
        second: The matches of the other.
        alpha: The share of the size within which a keypoint is right.
        bootstrap: Drawn for these pairs.

    Raises:
        DataError: The matches or the resamples are of different pairs.
    """
    check_same_pairs(first.table, second.table)
    check_same_pairs(bootstrap.table, first.table)
    shares = first.shares(alpha), second.shares(alpha)
    differences = shares[0] - shares[1]
    # Thirds and sevenths that cancel must be 0 in whatever order they are added.
    resampled = np.round(bootstrap.means(differences), 9)
    gone = 1 + min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    differing = int((np.round(differences, 9) != 0).sum())
    right = first.correct(alpha), second.correct(alpha)
    return Comparison(
        alpha=alpha,
        first=100 * float(shares[0].mean()),
        second=100 * float(shares[1].mean()),
        difference=100 * round(float(differences.mean()), 9),
        interval=bounds(resampled[None], [len(differences)], lowest=-100.0)[0],
        p=float(min(1.0, max(2 * gone / (bootstrap.resamples + 1), 2.0 ** (1 - differing)))),
        keypoints=mcnemar(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())),
    )


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """Test whether two representations find equally many keypoints, from the keypoints that only one of them finds."""
    # What imports scorers does not wait for scipy.
    from scipy.special import bdtr  # pyright: ignore[reportMissingTypeStubs]

    fewer, total = min(first_only, second_only), first_only + second_only
    return McNemar(first_only, second_only, min(1.0, 2 * float(bdtr(fewer, total, 0.5))))


def summary(matches: Matches, alpha: float, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return what a score's details hold, as JSON values; nothing of it grows with the pairs.

    Args:
        matches: Of one representation.
        alpha: The share of the size within which a keypoint is right.
        bootstrap: Drawn for the pairs of the matches.

    Returns:
        ``per_keypoint``, ``per_category``, ``categories``; ``alphas``: the three averages at each of ``ALPHAS``;
        ``intervals``: [low, high] of the three averages and of each category, their level, resamples and seed;
        ``breakdown``: attribute → value → ``value``, ``interval`` and ``pairs``; ``keypoints`` and ``skipped`` pairs.

    Raises:
        DataError: The resamples are of other pairs.
    """
    main = pck(matches, alpha)
    others = {str(at): pck(matches, at) for at in ALPHAS}
    found = bootstrap.intervals(matches, alpha)
    return {
        "per_keypoint": main.per_keypoint,
        "per_category": main.per_category,
        "categories": dict(main.categories),
        "alphas": {
            name: {"value": at.value, "per_keypoint": at.per_keypoint, "per_category": at.per_category}
            for name, at in others.items()
        },
        "intervals": {
            "level": LEVEL,
            "resamples": bootstrap.resamples,
            "seed": bootstrap.seed,
            "value": list(found.value),
            "per_keypoint": list(found.per_keypoint),
            "per_category": list(found.per_category),
            "categories": {name: list(interval) for name, interval in found.categories.items()},
        },
        "breakdown": {
            attribute: {
                name: {"value": mean.value, "interval": list(found.attributes[attribute][name]), "pairs": mean.pairs}
                for name, mean in means.items()
            }
            for attribute, means in breakdown(matches, alpha).items()
        },
        "keypoints": matches.table.keypoints,
        "skipped": matches.table.skipped,
    }
