"""What a reader of annotation files returns: one record per pair. Imports no torch, no numpy.

A data set's plugin supplies a reader, a generator over its annotation files; :mod:`visionlaw.datasets.annotated` does
the rest: it indexes what the reader finds, keeps the index between runs, and makes the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from visionlaw.protocols import Finding

Point = tuple[float, float]
"""A position (x, y) in pixels, from the centre of the top-left one."""


@dataclass(frozen=True)
class PairRecord:
    """A pair as its annotations have it.

    Attributes:
        id: Unique within the data set.
        source: The image file, relative to the data set's folder, with forward slashes.
        target: Likewise.
        source_points: Pixel positions (x, y), from the centre of the top-left pixel, of keypoints that both show.
        target_points: Of the same keypoints in the target.
        size: The length in target pixels that α multiplies, one for all keypoints or one for each.
        category: What the pair shows, for the macro average.
        attributes: Further properties to break the score down by; few different values each.
        source_size: (W, H) of the image as annotated; None where the annotations do not tell.
        target_size: Likewise.
        instances: Further true positions: (keypoint, x, y, size).
    """

    id: str
    source: str
    target: str
    source_points: tuple[Point, ...]
    target_points: tuple[Point, ...]
    size: float | tuple[float, ...]
    category: str = ""
    attributes: Mapping[str, str | int | float] = field(default_factory=dict[str, "str | int | float"])
    source_size: tuple[int, int] | None = None
    target_size: tuple[int, int] | None = None
    instances: tuple[tuple[int, float, float, float], ...] = ()


Reader = Callable[[Path], Iterator[PairRecord | Finding]]
"""Reads the annotations below a data set's folder: records in a fixed order, and findings for what cannot be read."""
