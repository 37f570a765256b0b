"""The pictures that go with a ranking: a representation's best and worst matches, as files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from visionlaw.atomic import sweep
from visionlaw.correspondence.pairs import Matches
from visionlaw.ids import PLUS
from visionlaw.report.matches import Matched, best_and_worst, contact_sheet, pair_picture, save_png
from visionlaw.store.rows import ScoreRow

PAIRS = 4
LONGEST_STEM = 80


def draw_matches(row: ScoreRow, matches: Matches, folder: Path) -> list[Path]:
    """Draw a sheet of a representation's best and worst pairs, and the best and the worst one in large.

    Args:
        row: Its score by core's scorer.
        matches: Where it found the keypoints.
        folder: Where the files go; named after the representation, the data set and all else that the score depends
            on, written over when there.

    Returns:
        The files.

    Raises:
        DataError: The folder cannot be written to.
    """
    alpha = float(row.params["alpha"])
    parameters = "".join(f", {name} = {value}" for name, value in row.params.items() if name != "alpha")
    measured = f"{row.dataset}, {row.protocol}, alpha = {alpha:g}{parameters}"  # the font has no α
    best, worst = best_and_worst(Matched.all_of(matches), alpha, PAIRS)
    pictures = {"sheet": contact_sheet(row.representation, row.value, best, worst, alpha, measured=measured)}
    for role, chosen in (("best", best), ("worst", worst)):
        if chosen:
            pictures[role] = pair_picture(chosen[0], row.representation, alpha, measured=measured)
    sweep(folder)
    stem = file_stem(f"{row.representation} on {row.dataset}", row.key)
    return [save_png(picture, folder / f"{stem}.{role}.png") for role, picture in pictures.items()]


def file_stem(name: str, key: str) -> str:
    """Return a file name's stem: readable, safe on every system, and distinct for distinct keys."""
    readable = re.sub(r"[^\w.@=-]+", "-", name.replace(PLUS, "_and_")).strip("-.")
    return f"{readable[:LONGEST_STEM]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
