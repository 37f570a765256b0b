"""One annotated animal: its image, box, keypoints, family and species."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets.reading import finite_list, read_json
from visionlaw.datasets.records import Point
from visionlaw.errors import DataError

KEYPOINTS = 17
ANNOTATIONS = "ImageAnnotation"
IMAGES = "JPEGImages"


@dataclass(frozen=True)
class Name:
    """Which animal, as the folders have it.

    Attributes:
        family: Such as ``Bovidae``.
        species: Such as ``argali sheep``.
        stem: Of the files' names, such as ``000000000017``.
    """

    family: str
    species: str
    stem: str

    @property
    def annotation(self) -> str:
        """The annotation's file, below the data set's folder."""
        return f"{ANNOTATIONS}/{self.family}/{self.species}/{self.stem}.json"

    @property
    def image(self) -> str:
        """The image's file, below the data set's folder."""
        return f"{IMAGES}/{self.family}/{self.species}/{self.stem}.jpg"


@dataclass(frozen=True)
class Animal:
    """What an annotation tells.

    Attributes:
        size: (W, H) of the image.
        side: The longer side of the animal's box, in pixels.
        keypoints: The 17 positions (x, y), from the centre of the top-left pixel; None where it is not labelled.
    """

    size: tuple[int, int]
    side: float
    keypoints: tuple[Point | None, ...]


def parse_name(path: object) -> Name:
    """Return the animal that a pair names by its annotation, ``…/ImageAnnotation/<family>/<species>/<file>.json``.

    What stands before is where the benchmark was made, and left aside.

    Raises:
        DataError: It is no such path; the message does not name the file it is in.
    """
    parts = path.replace("\\", "/").split("/") if isinstance(path, str) else []
    below = parts[len(parts) - parts[::-1].index(ANNOTATIONS) :] if ANNOTATIONS in parts else []
    if len(below) != 3 or any(part in ("", ".", "..") or "\0" in part for part in below):
        raise DataError(f"It names {repr(path)[:200]}, not …/{ANNOTATIONS}/<family>/<species>/<file>.json.")
    return Name(below[0], below[1], below[2].removesuffix(".json"))


def read_animal(path: Path) -> Animal:
    """Read an annotation.

    Raises:
        DataError: It is not there, not JSON, or not that of an animal; the message does not name it.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError("It is not a JSON object.")
    fields = cast("dict[str, Any]", content)
    _, _, width, height = _field(fields, "bbox", 4)
    flat = _field(fields, "keypoints", 3 * KEYPOINTS)
    return Animal(
        (_pixels(fields, "width"), _pixels(fields, "height")),
        max(width, height),
        tuple((x, y) if labelled > 0 else None for x, y, labelled in zip(*(flat[i::3] for i in range(3)), strict=True)),
    )


def _field(fields: dict[str, Any], name: str, count: int) -> tuple[float, ...]:
    try:
        return finite_list(fields.get(name), count)
    except DataError as error:
        raise DataError(f"Its '{name}' is unusable. {error.message}") from error


def _pixels(fields: dict[str, Any], name: str) -> int:
    (number,) = _field({name: [fields.get(name)]}, name, 1)
    if number < 1 or number != int(number):
        raise DataError(f"Its '{name}' is {number:g}, not a number of pixels.")
    return int(number)
