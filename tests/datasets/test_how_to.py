"""The data set of the how-to works as it is written there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "correspondence-data.md"


def test_the_data_set_of_the_how_to_works(python: Callable, tmp_path: Path) -> None:
    reader, listing = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    package = tmp_path / "lib" / "visionlaw_shelf"
    package.mkdir(parents=True)
    (package / "pairs.py").write_text(reader)
    (package / "__init__.py").write_text(listing)
    info = tmp_path / "lib" / "visionlaw_shelf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: visionlaw-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[visionlaw.v1]\nshelf = visionlaw_shelf\n")
    data = tmp_path / "data"
    for name in ("notes", "photos"):
        (data / name).mkdir(parents=True)
    Image.new("RGB", (50, 40)).save(data / "photos" / "1.png")
    note = {"left": "1.png", "right": "1.png", "kind": "cup", "box_side": 20}
    note |= {"left_points": [[1, 2]], "right_points": [[3, 4.5]]}
    (data / "notes" / "good.json").write_text(json.dumps(note))
    (data / "notes" / "bad.json").write_text("{}")
    (data / "notes" / "worse.json").write_text("{")

    done = python("-m", "visionlaw", "dataset", "check", "shelf", str(data), "--json", path=(tmp_path / "lib",))
    found = json.loads(done.out)
    assert (found["pairs"], found["keypoints"], found["categories"]) == (1, 1, {"cup": 1})
    assert [finding["where"] for finding in found["findings"]] == ["notes/bad.json", "notes/worse.json"]
    assert found["findings"][0]["message"] == "It has no 'left'."
