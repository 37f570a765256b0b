"""The data set ``pairs``: a folder of ``pairs.json`` and images, the form in which pairs are exchanged.

docs/reference/pairs-json.md has the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.reading import finite, finite_list, read_json, require_layout
from visionlaw.datasets.records import PairRecord, Point
from visionlaw.errors import DataError
from visionlaw.features.images import MAX_SIDE
from visionlaw.protocols import Finding
from visionlaw.specs import DatasetSpec

FILE = "pairs.json"
SCHEMA = "visionlaw-pairs"
VERSION = 1
MOST_BYTES = 2**28
"""Of ``pairs.json``: some 130,000 pairs of 18 keypoints; reading them takes five times as much memory."""

_FORMAT = 2  # Counts up whenever the reader's output changes.
_KEYS = frozenset(field.name for field in fields(PairRecord))


def build(spec: DatasetSpec, root: Path | str | None = None) -> AnnotatedPairs:
    """Return the pairs of a folder.

    Args:
        spec: The spec that names this function.
        root: The folder of ``pairs.json``.

    Raises:
        DataError: There is no ``pairs.json``.
    """
    remedy = "Write one as docs/reference/pairs-json.md says, or make one: visionlaw dataset make NAME OUT"
    folder = require_layout(root, (FILE,), "a folder of pairs", remedy)
    return AnnotatedPairs(folder, read_folder, name="pairs", format=_FORMAT, annotations=(FILE,))


def read_folder(root: Path) -> Iterator[PairRecord | Finding]:
    """Read ``pairs.json``.

    Raises:
        DataError: It is of a later version than this visionlaw knows, or something else altogether.
    """
    try:
        content = read_json(root / FILE, MOST_BYTES)
    except DataError as error:
        yield Finding("unreadable", FILE, error.message)
        return
    for number, item in enumerate(_pairs(root, content)):
        try:
            yield _record(item)
        except DataError as error:
            yield Finding("unreadable", f"{FILE}: pairs[{number}]", error.message)


def _pairs(root: Path, content: object) -> list[object]:
    values: Mapping[str, object] = cast("Mapping[str, object]", content) if isinstance(content, dict) else {}
    pairs = values.get("pairs")
    if values.get("format") != SCHEMA or not isinstance(pairs, list):
        raise DataError(
            f"'{root / FILE}' is not of the format '{SCHEMA}'.", "Write it as docs/reference/pairs-json.md says."
        )
    if values.get("version") != VERSION:
        raise DataError(
            f"'{root / FILE}' has the version {values.get('version')!r:.40}; this visionlaw reads {VERSION}.",
            "Update visionlaw, or make the folder again.",
        )
    return cast("list[object]", pairs)


def _record(item: object) -> PairRecord:
    if not isinstance(item, dict):
        raise DataError("It is not a JSON object.")
    values = cast("Mapping[str, Any]", item)
    unknown = sorted(set(values) - _KEYS)
    if unknown:
        raise DataError(f"It has {', '.join(map(repr, unknown[:5]))}, which this version does not know.")
    return PairRecord(
        id=_text(values, "id"),
        source=_text(values, "source"),
        target=_text(values, "target"),
        source_points=_points(values, "source_points"),
        target_points=_points(values, "target_points"),
        size=finite_list(values["size"]) if isinstance(values.get("size"), list) else finite(values.get("size")),
        category=_text(values, "category") if values.get("category") else "",
        attributes=_attributes(values.get("attributes", {})),
        source_size=_extent(values.get("source_size")),
        target_size=_extent(values.get("target_size")),
        instances=tuple(map(_instance, _list(values.get("instances", [])))),
    )


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise DataError(f"Its '{name}' is not a text.")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise DataError("It does not have a JSON list where one belongs.")
    return cast("list[object]", value)


def _points(values: Mapping[str, Any], name: str) -> tuple[Point, ...]:
    if name not in values:
        raise DataError(f"It has no '{name}'.")
    pairs = (finite_list(point, 2) for point in _list(values[name]))
    return tuple((x, y) for x, y in pairs)


def _attributes(value: object) -> dict[str, str | int | float]:
    if not isinstance(value, dict):
        raise DataError("Its 'attributes' are not a JSON object.")
    attributes = cast("dict[str, object]", value)
    return {name: found if isinstance(found, str | int) else finite(found) for name, found in attributes.items()}


def _extent(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    width, height = finite_list(value, 2)
    if not all(side.is_integer() and 1 <= side <= MAX_SIDE for side in (width, height)):
        raise DataError(
            f"It has an image of {width:g} × {height:g} pixels; sides are whole numbers from 1 to {MAX_SIDE:,}."
        )
    return int(width), int(height)


def _instance(value: object) -> tuple[int, float, float, float]:
    keypoint, x, y, size = finite_list(value, 4)
    if keypoint != int(keypoint):
        raise DataError("It has a further position of a keypoint that is not counted by a whole number.")
    return int(keypoint), x, y, size
