"""The whole engine on a miniature SPair-71k, against the definitions written out plainly (PROTOCOLS §3).

What is compared with is written here from scratch: it reads the JSON files itself, compares whole grids with whole
grids, and goes keypoint by keypoint. Only the encoders' tokens are shared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.correspondence.pairs import read_pairs
from visionlaw.correspondence.pck import ALPHAS
from visionlaw.correspondence.score import CorrespondenceScorer
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import EncoderRef, ScoringJob
from visionlaw.specs import EncoderSpec
from visionlaw_spair.dataset import build
from visionlaw_spair.plugin import visionlaw_datasets

S = 840

# category → image → ((width, height), box); landscape, portrait, square, and one very wide.
TREE = {
    "bird": {
        "b1": ((120, 80), [10, 8, 110, 70]),
        "b2": ((80, 120), [5, 20, 75, 119]),
        "b3": ((100, 100), [0, 0, 99, 99]),
    },
    "boat": {"o1": ((150, 60), [20, 5, 149, 55]), "o2": ((97, 101), [3, 40, 60, 90])},
    "chair": {"c1": ((90, 90), [30, 30, 60, 85]), "c2": ((61, 113), [1, 1, 60, 100])},
}
PAIRS = [
    ("bird", "b1", "b2"),
    ("bird", "b2", "b1"),
    ("bird", "b3", "b2"),
    ("bird", "b1", "b3"),
    ("boat", "o1", "o2"),
    ("boat", "o2", "o1"),
    ("chair", "c2", "c1"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SPair-71k in small: keypoints in whole pixels, each third invisible, on all borders and on the last pixel."""
    root = tmp_path_factory.mktemp("SPair-71k")
    rng = np.random.default_rng(0)
    notes: dict[str, dict[str, Any]] = {}
    for category, images in TREE.items():
        for name, ((width, height), box) in images.items():
            points = (rng.uniform(0, 1, (30, 2)) * (width, height)).astype(int).tolist()
            edges = [[0, 0], [width - 1, height - 1], [0, height - 1], [width - 1, height // 2], [width // 2, 0]]
            points[0:9:2] = edges
            hidden = set(rng.choice(np.arange(9, 30), 14, replace=False).tolist())
            notes[name] = {
                **dict.fromkeys(("truncated", "occluded", "difficult", "azimuth_id"), 0),
                "filename": f"{name}.jpg",
                "image_width": width,
                "image_height": height,
                "image_depth": 3,
                "category": category,
                "pose": "Left",
                "bndbox": box,
                "kps": {str(slot): None if slot in hidden else points[slot] for slot in range(30)},
            }
            write(root / "ImageAnnotation" / category / f"{name}.json", notes[name])
            path = root / "JPEGImages" / category / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            small = Image.fromarray(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8))
            small.resize((width, height), Image.Resampling.BICUBIC).save(path, quality=95)
    stems: list[str] = []
    for number, (category, source, target) in enumerate(PAIRS):
        a, b = notes[source], notes[target]
        shared = [slot for slot in a["kps"] if a["kps"][slot] and b["kps"][slot]]
        stems.append(f"{number:06}-{source}-{target}:{category}")
        pair = {
            **dict.fromkeys(("mirror", "scale_variation", "truncation", "occlusion"), 0),
            "viewpoint_variation": number % 3,
            "pair_id": number,
            "filename": stems[-1],
            "category": category,
            "kps_ids": shared,
        }
        for side, name, note in (("src", source, a), ("trg", target, b)):
            pair |= {
                f"{side}_imname": f"{name}.jpg",
                f"{side}_imsize": [note["image_width"], note["image_height"], 3],
                f"{side}_bndbox": note["bndbox"],
                f"{side}_pose": "Left",
                f"{side}_kps": [note["kps"][slot] for slot in shared],
            }
        write(root / "PairAnnotation" / "test" / f"{stems[-1]}.json", pair)
    layout = root / "Layout" / "large" / "test.txt"
    layout.parent.mkdir(parents=True)
    layout.write_text("".join(f"{stem}\n" for stem in stems))
    return root


def write(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@dataclass
class Toy:
    """A random projection of patches of the squashed image."""

    name: str
    patch: int
    side: int = 64

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(sum(map(ord, self.name)))
        self.projection = torch.randn(3 * self.patch**2, 24, generator=generator)

    @property
    def spec(self) -> EncoderSpec:
        return EncoderSpec(
            id=f"toy/{self.name}@64", target="toy:build", resolution=64, patch=self.patch, channels=24, resize="squash"
        )

    @property
    def ref(self) -> EncoderRef:
        return EncoderRef(self.spec.id, self.spec, load=lambda: self)

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, Geometry]:
        return prepare(image, 64, self.patch)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        patches = torch.nn.functional.unfold(batch, self.patch, stride=self.patch).transpose(1, 2)
        return torch.tanh((patches - 0.5) @ self.projection)

    def grid_of(self, path: Path) -> torch.Tensor:
        """Tokens as [P, P, C], without any of the engine: an image squashed to a square."""
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BICUBIC))
        cells = 64 // self.patch
        batch = torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1)[None] / 255
        return self.encode(batch)[0].reshape(cells, cells, 24)


FINE, OTHER, COARSE = Toy("fine", 4), Toy("other", 4), Toy("coarse", 8)  # grids 16, 16, 8

Found = tuple[list[tuple[float, float]], list[float]]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def visible_in_both(root: Path, pair: Any) -> list[tuple[list[int], list[int]]]:
    notes = [
        read(root / "ImageAnnotation" / pair["category"] / pair[name].replace(".jpg", ".json"))["kps"]
        for name in ("src_imname", "trg_imname")
    ]
    return [(notes[0][str(i)], notes[1][str(i)]) for i in range(30) if notes[0][str(i)] and notes[1][str(i)]]


def tokens_of(root: Path, pair: Any, side: str, encoder: Toy) -> torch.Tensor:
    return encoder.grid_of(root / "JPEGImages" / pair["category"] / pair[f"{side}_imname"])


def resized(tokens: torch.Tensor, cells: int) -> torch.Tensor:
    if len(tokens) == cells:
        return tokens
    batch = tokens.permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(batch, size=(cells, cells), mode="bilinear", align_corners=False)[0].permute(
        1, 2, 0
    )


def plain_strict(root: Path, pair: Any, encoders: Sequence[Toy], matcher: str) -> Found:
    """Where keypoints are found, in target pixels, and how far off, as shares of the box's longer side."""
    cells = max(64 // encoder.patch for encoder in encoders) * (4 if matcher == "upsampled" else 1)
    (width, height), (target_width, target_height) = pair["src_imsize"][:2], pair["trg_imsize"][:2]
    left, top, right, bottom = pair["trg_bndbox"]
    sources = [tokens_of(root, pair, "src", encoder) for encoder in encoders]
    targets = [resized(tokens_of(root, pair, "trg", encoder), cells) for encoder in encoders]
    places: list[tuple[float, float]] = []
    errors: list[float] = []
    for (x, y), (true_x, true_y) in visible_in_both(root, pair):
        similarity = torch.zeros(cells, cells)
        for source, searched in zip(sources, targets, strict=True):
            own = len(source)
            gx = min(max((x + 0.5) / width * own - 0.5, 0.0), own - 1.0)
            gy = min(max((y + 0.5) / height * own - 0.5, 0.0), own - 1.0)
            descriptor = torch.zeros(24)
            for row in {int(gy), min(int(gy) + 1, own - 1)}:
                for column in {int(gx), min(int(gx) + 1, own - 1)}:
                    weight = max(0.0, 1 - abs(gx - column)) * max(0.0, 1 - abs(gy - row))
                    descriptor += weight * source[row, column]
            similarity += searched @ descriptor / searched.norm(dim=2) / descriptor.norm() / len(encoders)
        # Of ties the first: the outermost two lines of an upsampled grid are the border's tokens twice over.
        tied = (similarity >= similarity.max() - 1e-6).flatten().tolist()
        best_row, best_column = divmod(tied.index(True), cells)
        if matcher == "softargmax":
            weights = {
                (row, column): math.exp((float(similarity[row, column]) - float(similarity.max())) / 0.02)
                for row in range(max(0, best_row - 5), min(cells, best_row + 6))
                for column in range(max(0, best_column - 5), min(cells, best_column + 6))
            }
            total = sum(weights.values())
            at_x = sum(weight * column for (_, column), weight in weights.items()) / total
            at_y = sum(weight * row for (row, _), weight in weights.items()) / total
        else:
            at_x, at_y = best_column, best_row
        found = (at_x + 0.5) * target_width / cells - 0.5, (at_y + 0.5) * target_height / cells - 0.5
        places.append(found)
        errors.append(math.hypot(found[0] - true_x, found[1] - true_y) / max(right - left, bottom - top))
    return places, errors


def plain_reference(root: Path, pair: Any, encoders: Sequence[Toy], matcher: str) -> Found:
    """Steps 1 to 6: where keypoints are found, in the frame of 840 pixels, and how far off."""
    cells = max(64 // encoder.patch for encoder in encoders)
    sides: list[torch.Tensor] = []
    for side in ("src", "trg"):
        parts = [resized(tokens_of(root, pair, side, e), cells).reshape(cells**2, -1) for e in encoders]
        parts = [part / (part.norm(dim=1, keepdim=True) + 1e-10) for part in parts]
        together = torch.cat(parts, dim=1)
        sides.append(together if len(parts) == 1 else together / (together.norm(dim=1, keepdim=True) + 1e-10))
    matrix = sides[0] @ sides[1].T  # the whole [P², P²]
    along = torch.arange(cells, dtype=torch.float32)
    left, top, right, bottom = pair["trg_bndbox"]
    threshold = max(right - left, bottom - top) * S / max(pair["trg_imsize"][:2])
    places: list[tuple[float, float]] = []
    errors: list[float] = []
    for source, target in visible_in_both(root, pair):
        x, y = letterboxed(source, pair["src_imsize"])
        line = matrix[cells * int(cells / S * y) + int(cells / S * x)].view(cells, cells)
        best_row, best_column = divmod(int(line.argmax()), cells)
        near = ((along - best_row).abs() <= 5)[:, None] & ((along - best_column).abs() <= 5)[None]
        p = torch.softmax((line * near).flatten() / 0.02, dim=0).view(cells, cells)
        at = torch.stack([(p.sum(0) * along).sum(), (p.sum(1) * along).sum()]).clamp(0, cells - 1)
        found = at * (S / cells) + (S / cells) // 2
        places.append((float(found[0]), float(found[1])))
        errors.append(float(torch.dist(found, letterboxed(target, pair["trg_imsize"]))) / threshold)
    return places, errors


def letterboxed(point: Sequence[int], image: Sequence[int]) -> torch.Tensor:
    width, height, _ = image
    moved = torch.tensor(point, dtype=torch.float32) * (S / max(width, height))
    if height < width:
        moved[1] += int((S - int(np.around(S * height / width))) / 2)
    if width < height:
        moved[0] += int((S - int(np.around(S * width / height))) / 2)
    return moved


CASES = [
    ("strict", "argmax", plain_strict),
    ("strict", "softargmax", plain_strict),
    ("strict", "upsampled", plain_strict),
    ("reference", "argmax", plain_reference),
]
REPRESENTATIONS = [(FINE,), (COARSE,), (FINE, OTHER), (COARSE, FINE)]


@pytest.mark.parametrize(("protocol", "matcher", "plain"), CASES)
def test_every_keypoint_is_where_the_definition_finds_it(
    tree: Path, protocol: str, matcher: str, plain: Callable[..., Found]
) -> None:
    """Single encoders, a combination on one grid, and one of two grids; positions to 1/50 of a pixel, PCK exactly."""
    scorer = CorrespondenceScorer(protocol=protocol, matcher=matcher)
    data = build(next(visionlaw_datasets()), tree)
    assert data.findings == ()
    job = ScoringJob([tuple(toy.ref for toy in toys) for toys in REPRESENTATIONS], data, ConcatCombiner())
    table = read_pairs(data)
    matched = {tuple(part.id for part in r): matches for r, matches in scorer.match(job, table)}
    scores = {score.representation: score for score in scorer.score(job)}
    notes = [read(tree / "PairAnnotation" / "test" / f"{pair.id}.json") for pair in table.pairs]
    assert [note["filename"] for note in notes] == [pair.id for pair in table.pairs]
    assert len(notes) == len(PAIRS)
    for toys in REPRESENTATIONS:
        names = tuple(toy.spec.id for toy in toys)
        expected = [plain(tree, note, toys, matcher) for note in notes]
        matches, score = matched[names], scores[" + ".join(names)]
        for number, (places, errors) in enumerate(expected):
            rows = table.rows_of(number)
            here = matches.found[rows] if protocol == "strict" else in_frame(matches.found[rows], notes[number])
            np.testing.assert_allclose(here, places, rtol=0, atol=0.02)
            np.testing.assert_allclose(matches.errors[rows], errors, rtol=0, atol=1e-3)
        for alpha in ALPHAS:
            shares = [sum(error < alpha for error in errors) / len(errors) for _, errors in expected]
            np.testing.assert_allclose(matches.shares(alpha), shares, rtol=0, atol=1e-12)
            assert score.details["alphas"][str(alpha)]["value"] == pytest.approx(100 * sum(shares) / len(shares))
        shares = [sum(error < 0.1 for error in errors) / len(errors) for _, errors in expected]
        by_category = {
            category: [share for share, (of, _, _) in zip(shares, PAIRS, strict=True) if of == category]
            for category in TREE
        }
        assert score.details["categories"] == pytest.approx({c: 100 * sum(v) / len(v) for c, v in by_category.items()})
        weighted = sum(len(v) * sum(v) / len(v) for v in by_category.values()) / len(PAIRS)
        assert score.value == pytest.approx(100 * weighted), "the mean over categories, weighted by their pairs"
        assert (score.count, score.details["keypoints"]) == (7, sum(len(errors) for _, errors in expected))


def in_frame(points: np.ndarray, note: Any) -> np.ndarray:
    """Positions in the target's pixels → in the frame."""
    width, height, _ = note["trg_imsize"]
    shift = letterboxed([0, 0], note["trg_imsize"]).numpy()
    return points * S / max(width, height) + shift


def test_the_toys_tokens_are_those_of_the_engine(tree: Path) -> None:
    """Whoever compares with the definition compares the same features."""
    path = tree / "JPEGImages" / "boat" / "o1.jpg"
    with Image.open(path) as image:
        tokens = FINE.encode(FINE.preprocess(image)[0][None])[0]
    torch.testing.assert_close(FINE.grid_of(path).reshape(-1, 24), tokens)
