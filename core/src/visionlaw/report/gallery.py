"""The pictures that go with a ranking: a representation's best and worst matches, as files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from visionlaw.atomic import sweep
from visionlaw.correspondence.pairs import Matches
from visionlaw.ids import PLUS
from visionlaw.report.matches import Matched, best_and_worst, contact_sheet, pair_picture, save_png

PAIRS = 4
LONGEST_STEM = 80


def draw_matches(
    representation: str, dataset: str, value: float, matches: Matches, alpha: float, folder: Path
) -> list[Path]:
    """Draw a sheet of a representation's best and worst pairs, and the best and the worst one in large.

    Args:
        representation: Its id.
        dataset: That of the data set.
        value: Its C, in %.
        matches: Where it found the keypoints.
        alpha: The share of a pair's size within which a keypoint is right.
        folder: Where the files go; named after the representation and the data set, written over when there.

    Returns:
        The files.

    Raises:
        DataError: The folder cannot be written to.
    """
    best, worst = best_and_worst(Matched.all_of(matches), alpha, PAIRS)
    pictures = {"sheet": contact_sheet(representation, value, best, worst, alpha)}
    for role, chosen in (("best", best), ("worst", worst)):
        if chosen:
            pictures[role] = pair_picture(chosen[0], representation, alpha)
    sweep(folder)
    stem = file_stem(f"{representation} on {dataset}")
    return [save_png(picture, folder / f"{stem}.{role}.png") for role, picture in pictures.items()]


def file_stem(representation: str) -> str:
    """Return a file name's stem for a representation: readable, safe on every system, distinct for distinct ids."""
    readable = re.sub(r"[^\w.@=-]+", "-", representation.replace(PLUS, "_and_")).strip("-.")
    digest = hashlib.sha256(representation.encode()).hexdigest()[:8]
    return f"{readable[:LONGEST_STEM]}-{digest}"
