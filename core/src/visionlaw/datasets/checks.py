"""What records must agree on to be used, judged by the annotations alone. Imports no torch, no numpy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from visionlaw.datasets.reading import inner_path
from visionlaw.datasets.records import PairRecord, Point
from visionlaw.errors import DataError, PluginError
from visionlaw.protocols import Finding

Extent = tuple[int, int]


def check_records(found: Iterable[object]) -> tuple[tuple[PairRecord, ...], tuple[Finding, ...]]:
    """Separate the records that can be used from what is wrong.

    A record is left out when its id is taken, when its points, sizes or further positions do not belong together or
    are not finite, or when it names a file outside the folder. A keypoint outside its image, or two annotated sizes of
    one image, are findings only: published scores count such keypoints.

    Args:
        found: What a reader yields.

    Raises:
        PluginError: The reader yields something else.
    """
    records: list[PairRecord] = []
    findings: list[Finding] = []
    ids: set[str] = set()
    extents: dict[str, Extent] = {}
    for item in found:
        if isinstance(item, Finding):
            findings.append(item)
            continue
        try:
            record = _usable(_plain(item), ids)
        except DataError as error:
            findings.append(Finding("inconsistent", getattr(item, "id", ""), error.message))
            continue
        ids.add(record.id)
        records.append(record)
        findings += _outside(record)
        findings += _contradictions(record, extents)
    return tuple(records), tuple(findings)


def _plain(item: object) -> PairRecord:
    """Return what a reader gave as a record of plain numbers, so that it can be kept as JSON.

    Raises:
        PluginError: It is no record, or has values that JSON does not have.
    """
    try:
        if not isinstance(item, PairRecord):
            raise TypeError
        attributes = cast("Mapping[object, object]", item.attributes).items()
        if not all(isinstance(key, str) and isinstance(value, str | int | float) for key, value in attributes):
            raise TypeError
        size = item.size
        return replace(
            item,
            source_points=tuple((float(x), float(y)) for x, y in item.source_points),
            target_points=tuple((float(x), float(y)) for x, y in item.target_points),
            size=tuple(map(float, size)) if isinstance(size, tuple) else float(size),
            source_size=_extent(item.source_size),
            target_size=_extent(item.target_size),
            instances=tuple((int(k), float(x), float(y), float(length)) for k, x, y, length in item.instances),
        )
    except (TypeError, ValueError, AttributeError) as error:
        what = f"pair '{item.id}'" if isinstance(item, PairRecord) else type(item).__name__
        raise PluginError(
            f"A reader of annotations gave {what}, which does not have the values of a PairRecord.",
            "Report it to the plugin's author.",
        ) from error


def _extent(extent: Extent | None) -> Extent | None:
    return None if extent is None else (int(extent[0]), int(extent[1]))


def _usable(record: PairRecord, taken: set[str]) -> PairRecord:
    """Return the record with its paths made plain.

    Raises:
        DataError: It cannot be used.
    """
    if record.id in taken:
        raise DataError("Another pair has the same id; this one is left out.")
    source, target = inner_path(record.source), inner_path(record.target)
    count = len(record.source_points)
    if count != len(record.target_points):
        raise DataError(f"It has {count} source keypoints and {len(record.target_points)} target keypoints.")
    instances = [(x, y) for _, x, y, _ in record.instances]
    if not all(map(_is_finite, (*record.source_points, *record.target_points, *instances))):
        raise DataError("It has a keypoint whose position is not finite.")
    if isinstance(record.size, tuple) and len(record.size) != count:
        raise DataError(f"It has {count} keypoints, but {len(record.size)} sizes.")
    sizes = record.size if isinstance(record.size, tuple) else (record.size,)
    for size in (*sizes, *(size for *_, size in record.instances)):
        if not (math.isfinite(size) and size > 0):
            raise DataError(f"It has the size {size:g}, which α cannot multiply.")
    if not all(0 <= keypoint < count for keypoint, *_ in record.instances):
        raise DataError("It has a further position of a keypoint that it does not have.")
    return replace(record, source=source, target=target)


def _is_finite(point: Point) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])


def _outside(record: PairRecord) -> Iterator[Finding]:
    further = tuple((x, y) for _, x, y, _ in record.instances)
    for what, points, extent in (
        ("source", record.source_points, record.source_size),
        ("target", record.target_points + further, record.target_size),
    ):
        message = None if extent is None else outside(points, extent)
        if message:
            yield Finding("outside", record.id, f"In the {what}, {message}")


def outside(points: Iterable[Point], extent: Extent) -> str | None:
    """Say which points lie outside an image, in half a sentence; None if none does.

    The centre of the top-left pixel is (0, 0), so that an image of W × H reaches from -½ to W - ½ and H - ½.
    """
    width, height = extent
    beyond = [(x, y) for x, y in points if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5)]
    if not beyond:
        return None
    shown = ", ".join(f"({x:g}, {y:g})" for x, y in beyond[:3]) + (", …" if len(beyond) > 3 else "")
    noun = "keypoint lies" if len(beyond) == 1 else "keypoints lie"
    return f"{len(beyond)} {noun} outside the image of {width} × {height}: {shown}."


def _contradictions(record: PairRecord, extents: dict[str, Extent]) -> Iterator[Finding]:
    """Compare annotated sizes with those that earlier records gave the same image; each contradiction is told once."""
    for name, extent in ((record.source, record.source_size), (record.target, record.target_size)):
        if extent is None:
            continue
        if min(extent) < 1:
            yield Finding("inconsistent", record.id, f"'{name}' is annotated as {extent[0]} × {extent[1]}.")
        elif extents.setdefault(name, extent) != extent:
            before = extents[name]
            message = (
                f"It is annotated as {before[0]} × {before[1]}, and as {extent[0]} × {extent[1]} by '{record.id}'."
            )
            yield Finding("inconsistent", name, message)
