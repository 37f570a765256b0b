"""A small data set of annotation files and images, with a reader that counts how often it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.reading import finite_list, list_annotations, read_json
from visionlaw.datasets.records import PairRecord
from visionlaw.errors import DataError
from visionlaw.protocols import Finding


@dataclass
class Shelf:
    """A folder of annotated pairs, ``notes/*.json``, and images, ``images/*.png``."""

    root: Path
    reads: list[str] = field(default_factory=list)

    def write(self, name: str, **values: Any) -> Path:
        path = self.root / "notes" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(STANDARD | {"id": name} | values))
        return path

    def draw(self, name: str, colour: str = "red", size: tuple[int, int] = (40, 30)) -> Path:
        path = self.root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    def open(self, root: Path | None = None, name: str = "shelf", **options: int) -> AnnotatedPairs:
        how = {"format": 1} | options
        return AnnotatedPairs(root or self.root, self.read, name=name, annotations=("notes", "extra"), **how)

    def read(self, root: Path) -> Iterator[PairRecord | Finding]:
        for path in list_annotations(root / "notes", ".json"):
            self.reads.append(path.stem)
            try:
                note = read_json(path)
                yield PairRecord(
                    note["id"],
                    note["source"],
                    note["target"],
                    tuple((x, y) for x, y in note["source_points"]),
                    tuple((x, y) for x, y in note["target_points"]),
                    tuple(note["size"]) if isinstance(note["size"], list) else note["size"],
                    note["category"],
                    note["attributes"],
                    note["source_size"] and tuple(map(int, finite_list(note["source_size"], 2))),
                    note["target_size"] and tuple(map(int, finite_list(note["target_size"], 2))),
                    tuple((k, x, y, size) for k, x, y, size in note["instances"]),
                )
            except DataError as error:
                yield Finding("unreadable", path.relative_to(root).as_posix(), error.message)


STANDARD: dict[str, Any] = {
    "source": "images/a.png",
    "target": "images/b.png",
    "source_points": [[0, 0], [39, 29]],
    "target_points": [[1.25, 2], [3, 4]],
    "size": 12.5,
    "category": "cat",
    "attributes": {"occluded": 1},
    "source_size": [40, 30],
    "target_size": [40, 30],
    "instances": [],
}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Three pairs over three images."""
    shelf = Shelf(tmp_path / "shelf")
    for name, colour in (("a.png", "red"), ("b.png", "green"), ("c.png", "blue")):
        shelf.draw(name, colour)
    shelf.write("one")
    shelf.write("two", target="images/c.png", size=[3, 4.5], instances=[[1, 7, 8.5, 2]])
    shelf.write("three", source="images/c.png", category="dog")
    return shelf


@pytest.fixture
def found() -> Callable[[AnnotatedPairs], list[tuple[str, str]]]:
    """Return a function that lists kind and place of a data set's findings."""
    return lambda pairs: [(finding.kind, finding.where) for finding in pairs.findings]
