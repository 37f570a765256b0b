"""A miniature of the benchmark, as the notebook that makes it leaves it; for the conformance kit and tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from visionlaw.specs import DatasetSpec


def write(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Write the miniature into a folder, with a pair of each split."""
    tree = miniature(folder)
    for split in ("trn", "val"):
        tree.pair(split, SHEEP_2, SHEEP, "argali sheep")
    tree.pair("val_cross_species", COW, SHEEP, "Bovidae")
    tree.pair("val_cross_family", CAT, COW, "all")
    return spec


def flat(points: Mapping[int, tuple[float, float, int]]) -> list[float]:
    """17 times x, y and flag; what is not given is not labelled."""
    return [value for i in range(17) for value in points.get(i, (0, 0, 0))]


@dataclass
class Benchmark:
    """The folder ``ap-10k``."""

    root: Path

    def annotate(
        self,
        animal: str,
        points: Mapping[int, tuple[float, float, int]],
        size: tuple[int, int] = (120, 90),
        bbox: Sequence[float] = (10, 20, 50, 40),
        **fields: Any,
    ) -> None:
        """Draw an image and write its annotation; ``animal`` is ``family/species/number``."""
        image = self.root / "JPEGImages" / f"{animal}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (sum(image.stem.encode()) % 256, size[0], size[1])).save(image)
        family, species, number = animal.split("/")
        content = {
            "id": int(number),
            "image_id": int(number),
            "category_id": 1,
            "bbox": list(bbox),
            "iscrowd": 0,
            "num_keypoints": len(points),
            "keypoints": flat(points),
            "license": 1,
            "file_name": f"{number}.jpg",
            "width": size[0],
            "height": size[1],
            "name": species,
            "supercategory": family,
        } | fields
        self.path(animal).parent.mkdir(parents=True, exist_ok=True)
        self.path(animal).write_text(json.dumps(content, indent=4))

    def path(self, animal: str) -> Path:
        """Return where an animal's annotation is."""
        return self.root / "ImageAnnotation" / f"{animal}.json"

    def pair(self, split: str, source: str, target: str, category: str, before: str = "data/ap-10k/") -> Path:
        """Write a pair of a split; ``before`` is where the benchmark was made."""
        name = f"{Path(source).name}-{Path(target).name}:{category}.json"
        path = self.root / "PairAnnotation" / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "src_json_path": f"{before}ImageAnnotation/{source}.json",
            "trg_json_path": f"{before}ImageAnnotation/{target}.json",
        }
        path.write_text(json.dumps(content, indent=4))
        return path


SHEEP = "Bovidae/argali sheep/000000000017"
SHEEP_2 = "Bovidae/argali sheep/000000000203"
COW = "Bovidae/cow/000000000305"
CAT = "Felidae/cat/000000004001"


def miniature(root: Path) -> Benchmark:
    """Write four animals of three species in two families; landscape, portrait, square; a pair or two of each split."""
    tree = Benchmark(root)
    tree.annotate(SHEEP, {0: (0, 0, 2), 1: (119, 89, 2), 2: (5, 6, 2), 4: (7, 8, 2)}, (120, 90))
    tree.annotate(SHEEP_2, {0: (10, 11, 2), 1: (12, 13, 2), 2: (79, 99, 2), 3: (1, 2, 2)}, (80, 100), (3, 4, 30, 70))
    tree.annotate(COW, {i: (i, i + 1, 2) for i in range(17)}, (60, 60), (0, 0, 55.5, 20))
    tree.annotate(CAT, {i: (2 * i, i, 2) for i in range(10)}, (64, 48), (1, 1, 20, 44))
    tree.pair("test", SHEEP, SHEEP_2, "argali sheep")
    tree.pair("test_cross_species", SHEEP, COW, "Bovidae")
    tree.pair("test_cross_family", COW, CAT, "all")
    tree.pair("test_cross_family", SHEEP, CAT, "all")
    return tree
