"""What one annotation file of SPair-71k says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from visionlaw.datasets.reading import finite, finite_list
from visionlaw.datasets.records import Point
from visionlaw.errors import DataError

Size = tuple[int, int]
Box = tuple[float, float, float, float]

ATTRIBUTES = ("viewpoint_variation", "scale_variation", "truncation", "occlusion", "mirror")


@dataclass(frozen=True)
class ImageNote:
    """The annotation of an image.

    Attributes:
        size: (W, H).
        box: The object, (x1, y1, x2, y2).
        keypoints: By slot, "0" to "29"; those that the image does not show are left out.
    """

    size: Size
    box: Box
    keypoints: Mapping[str, Point]


@dataclass(frozen=True)
class PairNote:
    """The annotation of a pair; what it says of each image, (source, target), that image's own annotation says too.

    Attributes:
        category: What both images show.
        images: Names of the image files.
        sizes: (W, H).
        boxes: The objects, (x1, y1, x2, y2).
        keypoints: By slot, those that both images show.
        attributes: How the two views differ, 0 (not at all) upwards.
    """

    category: str
    images: tuple[str, str]
    sizes: tuple[Size, Size]
    boxes: tuple[Box, Box]
    keypoints: tuple[Mapping[str, Point], Mapping[str, Point]]
    attributes: Mapping[str, int] = field(default_factory=dict[str, int])


def image_note(content: object) -> ImageNote:
    """Read the annotation of an image.

    Raises:
        DataError: Something is missing, or is not what it should be.
    """
    values = _fields(content)
    slots = _fields(_get(values, "kps"))
    shown = {slot: _point(slots[slot]) for slot in sorted(slots, key=_slot) if slots[slot] is not None}
    size = _whole(_get(values, "image_width")), _whole(_get(values, "image_height"))
    return ImageNote(size, _box(_get(values, "bndbox")), shown)


def pair_note(content: object) -> PairNote:
    """Read the annotation of a pair.

    Raises:
        DataError: Something is missing, or is not what it should be.
    """
    values = _fields(content)
    slots = [str(_slot(slot)) for slot in _list(_get(values, "kps_ids"))]
    return PairNote(
        _text(_get(values, "category")),
        (_text(_get(values, "src_imname")), _text(_get(values, "trg_imname"))),
        (_size(_get(values, "src_imsize")), _size(_get(values, "trg_imsize"))),
        (_box(_get(values, "src_bndbox")), _box(_get(values, "trg_bndbox"))),
        (_keypoints(slots, values, "src_kps"), _keypoints(slots, values, "trg_kps")),
        {name: _whole(values[name]) for name in ATTRIBUTES if values.get(name) is not None},
    )


def _keypoints(slots: list[str], values: Mapping[str, Any], name: str) -> dict[str, Point]:
    points = [_point(point) for point in _list(_get(values, name))]
    if len(points) != len(slots) or len(set(slots)) != len(slots):
        raise DataError(f"It has {len(points)} '{name}' for {len(set(slots))} different 'kps_ids'.")
    return dict(zip(slots, points, strict=True))


def _fields(content: object) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise DataError("It does not hold a JSON object where one belongs.")
    return cast("Mapping[str, Any]", content)


def _get(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise DataError(f"It has no '{name}'.")
    return values[name]


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise DataError("It does not hold a JSON list where one belongs.")
    return cast("list[Any]", value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise DataError("It has an empty or missing name where the category and the images are named.")
    return value


def _slot(value: object) -> int:
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 5):
        raise DataError(f"It has a keypoint numbered {value!r:.60}.")
    return int(value)


def _whole(value: object) -> int:
    return int(finite(value))


def _point(value: object) -> Point:
    x, y = finite_list(value, 2)
    return x, y


def _size(value: object) -> Size:
    width, height, *_ = (*finite_list(value), 0, 0)
    return int(width), int(height)


def _box(value: object) -> Box:
    left, top, right, bottom = finite_list(value, 4)
    return left, top, right, bottom
