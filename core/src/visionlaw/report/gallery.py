"""The pictures that go with a ranking: a representation's best and worst matches, as files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from visionlaw.atomic import sweep
from visionlaw.correspondence.score import match_all
from visionlaw.protocols import Pair, Representation, ScoringJob
from visionlaw.report.matches import Matched, best_and_worst, contact_sheet, pair_picture, save_png

PAIRS = 4
LONGEST_STEM = 80


def draw_matches(
    representation: Representation,
    value: float,
    job: ScoringJob,
    pairs: Sequence[Pair],
    alpha: float,
    folder: Path,
) -> list[Path]:
    """Draw a sheet of a representation's best and worst pairs, and the best and the worst one in large.

    Features come from the job's cache, so that nothing is encoded again.

    Args:
        representation: What is drawn.
        value: Its C, in %.
        job: Combiner and cache.
        pairs: The pairs, all with keypoints.
        alpha: The share of a pair's size within which a keypoint is right.
        folder: Where the files go; named after the representation, written over when there.

    Returns:
        The files.

    Raises:
        DataError: The folder cannot be written to.
    """
    ((_, found),) = match_all(replace(job, representations=[representation]), pairs)
    matched = [Matched(pair, matches) for pair, matches in zip(pairs, found, strict=True)]
    best, worst = best_and_worst(matched, alpha, PAIRS)
    name = " + ".join(part.id for part in representation)
    stem = file_stem(name)
    sweep(folder)
    pictures = {"sheet": contact_sheet(name, value, best, worst, alpha)}
    for role, chosen in (("best", best), ("worst", worst)):
        if chosen:
            pictures[role] = pair_picture(chosen[0], name, alpha)
    return [save_png(picture, folder / f"{stem}.{role}.png") for role, picture in pictures.items()]


def file_stem(representation: str) -> str:
    """Return a file name's stem for a representation: readable, safe on every system, distinct for distinct ids."""
    stem = re.sub(r"[^\w.@=-]+", "-", representation.replace(" + ", "+").replace("+", "_and_")).strip("-.")
    digest = hashlib.sha256(representation.encode()).hexdigest()[:8]
    return stem if len(stem) <= LONGEST_STEM else f"{stem[:LONGEST_STEM]}-{digest}"
