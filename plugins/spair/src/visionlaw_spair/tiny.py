"""A miniature of SPair-71k in its real layout, for the conformance kit and for this plugin's tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from visionlaw.specs import DatasetSpec

# category → image → (width, height), box, keypoints by slot; None: not visible.
IMAGES: dict[str, dict[str, tuple[tuple[int, int], list[int], dict[int, list[int] | None]]]] = {
    "aeroplane": {
        "2008_000001": ((60, 40), [5, 4, 55, 30], {0: [6, 5], 3: [30, 20], 7: [59, 39], 12: None}),
        "2009_000002": ((40, 60), [2, 8, 30, 58], {0: [3, 9], 3: None, 7: [39, 59], 12: [10, 40]}),
        "2010_000003": ((50, 50), [0, 0, 49, 49], {0: [0, 0], 3: [25, 24], 7: [49, 49], 12: [10, 10]}),
    },
    "cat": {
        "2008_000001": ((64, 48), [10, 10, 40, 44], {1: [12, 13], 2: [39, 40], 10: [20, 20]}),
        "2011_000004": ((48, 64), [4, 4, 44, 60], {1: [5, 6], 2: [30, 50], 10: None}),
    },
}
PAIRS = {
    "test": [
        ("000002", "aeroplane", "2008_000001", "2009_000002"),
        ("000000", "aeroplane", "2009_000002", "2010_000003"),
        ("000001", "cat", "2008_000001", "2011_000004"),
    ],
    "val": [("000000", "aeroplane", "2010_000003", "2008_000001")],
    "trn": [("000000", "cat", "2011_000004", "2008_000001")],
}


def write(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Write the miniature into a folder."""
    write_spair(folder)
    return spec


def write_spair(root: Path) -> Path:
    """Write a miniature SPair-71k: two categories, five images of all proportions, invisible keypoints, last pixels."""
    for category, images in IMAGES.items():
        for number, (name, (size, box, keypoints)) in enumerate(images.items()):
            slots = {str(slot): keypoints.get(slot) for slot in range(30)}
            note = {
                "filename": f"{name}.jpg",
                "image_width": size[0],
                "image_height": size[1],
                "image_depth": 3,
                "category": category,
                "pose": "Unspecified",
                "truncated": 0,
                "occluded": 1,
                "difficult": 0,
                "bndbox": box,
                "kps": slots,
                "azimuth_id": number,
            }
            _write(root / "ImageAnnotation" / category / f"{name}.json", note)
            path = root / "JPEGImages" / category / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (40 * number, 90, len(category) * 20)).save(path)
    for split, pairs in PAIRS.items():
        stems = [f"{number}-{source}-{target}:{category}" for number, category, source, target in pairs]
        for stem, (number, category, source, target) in zip(stems, pairs, strict=True):
            _write(root / "PairAnnotation" / split / f"{stem}.json", pair_note(stem, number, category, source, target))
        for layout, kept in (("large", stems), ("small", stems[:1])):
            path = root / "Layout" / layout / f"{split}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{stem}\n" for stem in kept))
    return root


def pair_note(stem: str, number: str, category: str, source: str, target: str) -> dict[str, Any]:
    """Return a pair's annotation, which agrees with those of its images."""
    (source_size, source_box, source_points), (target_size, target_box, target_points) = (
        IMAGES[category][source],
        IMAGES[category][target],
    )
    shared = [slot for slot in source_points if source_points[slot] and target_points[slot]]
    return {
        "pair_id": int(number),
        "filename": stem,
        "src_imname": f"{source}.jpg",
        "trg_imname": f"{target}.jpg",
        "src_imsize": [*source_size, 3],
        "trg_imsize": [*target_size, 3],
        "src_bndbox": source_box,
        "trg_bndbox": target_box,
        "category": category,
        "src_pose": "Left",
        "trg_pose": "Unspecified",
        "src_kps": [source_points[slot] for slot in shared],
        "trg_kps": [target_points[slot] for slot in shared],
        "kps_ids": [str(slot) for slot in shared],
        "mirror": 0,
        "viewpoint_variation": 1,
        "scale_variation": 2,
        "truncation": 0,
        "occlusion": 3,
    }


def _write(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
