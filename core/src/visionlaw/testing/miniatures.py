"""Miniatures of what core's own image sources and its data set read: four drawn images, in each of their forms."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from visionlaw.datasets.making import make_folder
from visionlaw.specs import DatasetSpec, ImageSourceSpec, Option
from visionlaw.testing.drawn import DrawnPairs, caption, draw

IMAGES, PAIRS = 4, 4
ARROW = "data-00000-of-00001.arrow"


def pairs(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Write pairs.json and its images."""
    make_folder(DrawnPairs.draw(PAIRS, IMAGES), folder)
    return spec


def images(spec: ImageSourceSpec, folder: Path) -> ImageSourceSpec:
    """Write images into a folder, one of them into a folder of its own."""
    for number in range(IMAGES):
        place = folder / ("more" if number == 0 else ".") / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        draw(number).save(place)
    return spec


def listed(spec: ImageSourceSpec, folder: Path) -> ImageSourceSpec:
    """Write images, and a list of them with captions, which the source is given instead of the folder."""
    images(spec, folder)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    with (folder / "images.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "caption"))
        writer.writerows((path, caption(number)) for number, path in enumerate(paths))
    root = Option(type="str", default=str(folder / "images.csv"), description="The list.")
    return spec.model_copy(update={"options": {**spec.options, "root": root}})


def parquet(spec: ImageSourceSpec, folder: Path) -> ImageSourceSpec:
    """Write a table of images and captions."""
    import pyarrow.parquet as tables  # pyright: ignore[reportMissingTypeStubs]

    writer: Any = tables
    writer.write_table(_table(), folder / "images.parquet")
    return spec


def saved(spec: ImageSourceSpec, folder: Path) -> ImageSourceSpec:
    """Write a data set as the library ``datasets`` saves it."""
    import pyarrow  # pyright: ignore[reportMissingTypeStubs]

    arrow: Any = pyarrow
    table = _table()
    with arrow.OSFile(str(folder / ARROW), "wb") as file, arrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": ARROW}]}))
    return spec


def _table() -> Any:
    """Return images as encoded bytes, and their captions."""
    import pyarrow  # pyright: ignore[reportMissingTypeStubs]

    arrow: Any = pyarrow
    encoded: list[dict[str, Any]] = []
    for number in range(IMAGES):
        file = io.BytesIO()
        draw(number).save(file, "PNG")
        encoded.append({"bytes": file.getvalue(), "path": f"{number}.png"})
    return arrow.table({"image": encoded, "caption": [caption(number) for number in range(IMAGES)]})
