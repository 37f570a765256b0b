"""What other programs see who read the files with their formats' own libraries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
import zarr
from safetensors import safe_open
from safetensors.torch import load_file

from visionlaw.features.outputs import Format, Header
from visionlaw.features.results import Extracted

BAD = (1, 3, 4, 5)


@pytest.fixture
def stream(items, header):
    return items(8, header, BAD)


def kept(stream, part: int) -> list[Extracted]:
    return [item for item in stream[3 * part : 3 * part + 3] if isinstance(item, Extracted)]


def stacked(images: list[Extracted]) -> np.ndarray:
    return torch.stack([item.features.tokens for item in images]).numpy()


def test_safetensors(tmp_path: Path, header: Header, stream, run) -> None:
    run(tmp_path, Format.SAFETENSORS, header, stream)
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == [
        "part-000000.safetensors",
        "part-000002.safetensors",
    ]
    tensors = load_file(tmp_path / "part-000000.safetensors")
    images = kept(stream, 0)
    assert np.array_equal(tensors["tokens"], stacked(images))
    assert tensors["image_size"].tolist() == [list(item.features.geometry.image_size) for item in images]
    assert tensors["scale"].tolist() == [list(item.features.geometry.scale) for item in images]
    assert tensors["offset"].tolist() == [list(item.features.geometry.offset) for item in images]
    with safe_open(tmp_path / "part-000000.safetensors", framework="np") as file:
        metadata = file.metadata()
    # What is mapped is only fast, for some devices only possible, where numbers begin at multiples of their size.
    assert int.from_bytes((tmp_path / "part-000000.safetensors").read_bytes()[:8], "little") % 8 == 0
    assert metadata["representation"] == "toy/mean@64"
    assert json.loads(metadata["grid"]) == [2, 3]
    assert json.loads(metadata["names"]) == [item.name for item in images]
    assert json.loads(metadata["keys"]) == [item.key for item in images]


def test_npy_is_mapped_by_numpy_alone(tmp_path: Path, header: Header, stream, run) -> None:
    run(tmp_path, Format.NPY, header, stream)
    array = np.load(tmp_path / "part-000002.npy", mmap_mode="r")
    assert isinstance(array, np.memmap)
    assert array.dtype == np.float32
    assert np.array_equal(array, stacked(kept(stream, 2)))
    index = json.loads((tmp_path / "part-000002.json").read_text())["images"]
    assert [one["key"] for one in index] == [item.key for item in kept(stream, 2)]


def test_parquet_is_one_table(tmp_path: Path, header: Header, stream, run) -> None:
    run(tmp_path, Format.PARQUET, header, stream)
    table = pyarrow.parquet.read_table([*sorted(tmp_path.glob("*.parquet"))])
    images = kept(stream, 0) + kept(stream, 2)
    assert table["name"].to_pylist() == [item.name for item in images]
    assert table["image_height"].to_pylist() == [481] * len(images)
    assert table["offset_y"].to_pylist() == [item.features.geometry.offset[1] for item in images]
    h, w = json.loads(table.schema.metadata[b"visionlaw"])["grid"]
    tokens = np.stack(table["tokens"].to_numpy()).reshape(len(table), h * w, -1)
    assert np.array_equal(tokens, stacked(images))


def test_zarr_is_indexed_by_the_position_in_the_input(tmp_path: Path, header: Header, stream, run) -> None:
    run(tmp_path, Format.ZARR, header, stream)
    group = zarr.open_group(tmp_path / "features.zarr", mode="r")
    assert group["tokens"].shape == (8, 6, 4)
    assert group["name"][:].tolist() == [item.name for item in stream]
    assert np.flatnonzero(group["quarantined"][:]).tolist() == list(BAD)
    for position, item in enumerate(stream):
        if isinstance(item, Extracted):
            geometry = item.features.geometry
            assert np.array_equal(group["tokens"][position], item.features.tokens.numpy())
            assert group["key"][position] == item.key
            assert tuple(group["image_size"][position]) == geometry.image_size
            assert tuple(group["scale"][position]) == geometry.scale
            assert tuple(group["offset"][position]) == geometry.offset
        else:
            assert np.isnan(group["tokens"][position]).all()
            assert np.isnan(group["scale"][position]).all()


def test_zarr_columns_are_whole_beyond_one_chunk(tmp_path: Path, items, run) -> None:
    header = Header("toy/mean@64", (1, 1), 1, images_per_part=500)
    stream = items(5001, header, range(4000, 4100))
    run(tmp_path, Format.ZARR, header, stream)
    group = zarr.open_group(tmp_path / "features.zarr", mode="r")
    assert group["name"][:].tolist() == [item.name for item in stream]
    assert np.flatnonzero(group["quarantined"][:]).tolist() == list(range(4000, 4100))
    assert group["image_size"][-1].tolist() == [640 + 5000, 481]


def test_the_list_of_quarantined_images_has_positions_names_and_reasons(tmp_path, form, header, stream, run) -> None:
    run(tmp_path, form, header, stream)
    lines = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert [line["position"] for line in lines] == list(BAD)
    assert lines[0] == {"position": 1, "name": stream[1].name, "reason": stream[1].reason}
    assert json.loads((tmp_path / "summary.json").read_text()) == {"positions": 8, "images": 4, "quarantined": 4}
