from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.images import draw
from visionlaw.protocols import IndexedSource
from visionlaw.registry import Registry
from visionlaw_mllm.plugin import visionlaw_image_sources
from visionlaw_mllm.source import build

(SPEC,) = visionlaw_image_sources()


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    rows = list[dict[str, Any]]()
    for n in range(8):
        Image.new("RGB", (2, 2), (n, 0, 0)).save(tmp_path / "pictures" / f"{n}.png")
        talk = [{"from": "human", "value": "Describe it.\n<image>"}, {"from": "gpt", "value": f"caption {n}"}]
        rows.append({"id": str(n), "image": f"{n}.png", "conversations": talk})
    rows[3]["image"] = "../3.png"
    (tmp_path / "pictures" / "5.png").unlink()
    rows[6] = {"id": "text", "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]}
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    return tmp_path / "pairs.json"


def test_pairs_are_drawn_and_what_cannot_be_used_is_passed_over(pairs: Path) -> None:
    source = build(SPEC, pairs, images="pictures")
    assert isinstance(source, IndexedSource)
    assert len(source) == 8

    drawn = draw(source, 5, captions=True)

    assert [caption for _, caption in drawn] == [f"caption {n}" for n in (0, 1, 2, 4, 7)]
    assert [image.load().getpixel((0, 0)) for image, _ in drawn] == [(n, 0, 0) for n in (0, 1, 2, 4, 7)]
    with pytest.raises(DataError, match="has 5 images that can be used, and 6 are to be drawn"):
        draw(source, 6, captions=True)


@pytest.mark.parametrize(
    ("place", "message"),
    [(3, r"Record 3 \('3'\) cannot be used: .*'\.\./3\.png'"), (5, "does not exist"), (6, r"\('text'\) has no image")],
)
def test_a_record_that_cannot_be_used_is_named(pairs: Path, place: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(SPEC, pairs, images="pictures")[place]


def test_the_registry_builds_it_by_its_id(pairs: Path) -> None:
    source = Registry.discover().load("image_source", "llava?images=pictures", root=pairs)
    assert source[0][1] == "caption 0"


@pytest.mark.parametrize(
    ("root", "images", "message"),
    [
        (None, "", "needs records"),
        ("pairs.json", "nowhere", "image folder .* is not there"),
        ("no.json", "", "no record"),
    ],
)
def test_what_is_not_there(pairs: Path, root: str | None, images: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(SPEC, None if root is None else pairs.with_name(root), images=images)
