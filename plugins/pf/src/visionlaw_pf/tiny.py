"""Miniatures of both data sets, as their archives unpack, with real MATLAB files; for the conformance kit and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from visionlaw.specs import DatasetSpec

NAN = float("nan")
HEADERS = {
    "trn": "source_image,target_image,class,flip",
    "val": "source_image,target_image,class,XA,YA,XB,YB",
    "test": "source_image,target_image,class,XA,YA,XB,YB",
}
CLASSES = {"aeroplane": 1, "cat": 8, "tvmonitor": 20}
Points = Sequence[Sequence[float]]

# The first keypoints of the list's first pair, as the authors of the list print them.
PLANE_A = [(253.631662222222, 58.1813333333333), (234.369475555556, 89.168), (288.39216, 61.28)]
PLANE_B = [(272.801888, 65.2755428571429), (263.5592, 99.8622857142857), (285.3264, 62.3262857142857)]


def write_pascal(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Write a miniature PF-PASCAL into a folder, with a list of pairs for each split."""
    tree = miniature_pascal(folder)
    tree.list("val", ("2008_000056", "2009_004796", "cat"))
    tree.list("trn", ("2009_004796", "2008_000056", "cat"), ("2011_001407", "2010_004184", "aeroplane"))
    return spec


def write_willow(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Write a miniature PF-WILLOW into a folder."""
    miniature_willow(folder)
    return spec


def draw(path: Path, size: tuple[int, int]) -> None:
    """Write an image of one colour, which depends on its name and size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = len(path.stem) * 7 + sum(path.stem.encode()) % 200
    Image.new("RGB", size, (shade % 256, size[0] % 256, size[1] % 256)).save(path)


@dataclass
class Pascal:
    """PF-PASCAL."""

    root: Path

    @property
    def base(self) -> Path:
        """Where images and annotations are."""
        nested = self.root / "PF-dataset-PASCAL"
        return nested if nested.exists() else self.root

    def annotate(self, category: str, stem: str, points: Points, size: tuple[int, int] = (300, 200)) -> None:
        """Draw an image and write its keypoints."""
        draw(self.base / "JPEGImages" / f"{stem}.jpg", size)
        path = self.base / "Annotations" / category / f"{stem}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(
            path, {"kps": np.array(points, dtype=np.float64), "bbox": np.array([[5, 6, 250, 190]], dtype=np.uint16)}
        )

    def list(self, split: str, *pairs: tuple[str, str, str], rest: Sequence[str] = (), name: str = "") -> Path:
        """Write a list of pairs (source, target, category) to ``<split>_pairs.csv``."""
        ends = rest or ["0" if split == "trn" else "1;2,1;2,1;2,1;2"] * len(pairs)
        lines = [
            f"PF-dataset-PASCAL/JPEGImages/{a}.jpg,PF-dataset-PASCAL/JPEGImages/{b}.jpg,{CLASSES[category]},{end}"
            for (a, b, category), end in zip(pairs, ends, strict=True)
        ]
        path = self.root / (name or f"{split}_pairs.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([HEADERS[split], *lines, ""]))
        return path


@dataclass
class Willow:
    """PF-WILLOW."""

    root: Path

    def draw(self, category: str, stem: str, size: tuple[int, int] = (120, 90)) -> None:
        """Write an image."""
        draw(self.root / category / f"{stem}.png", size)

    def list(self, *pairs: tuple[str, str, Sequence[object], Sequence[object]], name: str = "test_pairs.csv") -> Path:
        """Write the table: pairs of (source, target, 20 values of the source, 20 of the target)."""
        letters = [f"{axis}{image}{i}" for image in "AB" for axis in "XY" for i in range(1, 11)]
        lines = [
            ",".join(map(str, [f"PF-dataset/{a}.png", f"PF-dataset/{b}.png", *in_a, *in_b]))
            for a, b, in_a, in_b in pairs
        ]
        path = self.root / name
        path.write_text("\n".join([",".join(["imageA", "imageB", *letters]), *lines, ""]))
        return path


def miniature_pascal(root: Path) -> Pascal:
    """Write three pairs of test in two categories: landscape, portrait, square; invisible keypoints; the last pixel."""
    tree = Pascal(root)
    tree.annotate("aeroplane", "2011_001407", [*PLANE_A, (NAN, NAN)], (300, 200))
    tree.annotate("aeroplane", "2010_004184", [*PLANE_B, (10.5, 20.5)], (300, 182))
    tree.annotate("cat", "2008_000056", [(1, 1), (NAN, NAN), (150, 250), (40, 50)], (150, 250))
    tree.annotate("cat", "2009_004796", [(200, 200), (30, 40), (1, 1), (NAN, 7)], (200, 200))
    tree.list(
        "test",
        ("2011_001407", "2010_004184", "aeroplane"),
        ("2008_000056", "2009_004796", "cat"),
        ("2010_004184", "2011_001407", "aeroplane"),
    )
    return tree


def row(first: tuple[float, float], last: tuple[float, float]) -> list[object]:
    """Ten x and ten y on the line between two points."""
    return [*np.linspace(first[0], last[0], 10).tolist(), *np.linspace(first[1], last[1], 10).tolist()]


def miniature_willow(root: Path) -> Willow:
    """Write two pairs in two categories, landscape and portrait."""
    tree = Willow(root)
    for category, stem, size in (
        ("car(G)", "Cars_006a", (120, 90)),
        ("car(G)", "Cars_007a", (90, 120)),
        ("duck(S)", "060_0000", (80, 80)),
        ("duck(S)", "060_0071", (80, 70)),
    ):
        tree.draw(category, stem, size)
    tree.list(
        ("car(G)/Cars_006a", "car(G)/Cars_007a", row((1, 1), (120, 90)), row((11, 21), (56, 120))),
        ("duck(S)/060_0000", "duck(S)/060_0071", row((5, 5), (50, 60)), row((10, 30), (73, 33))),
    )
    return tree
