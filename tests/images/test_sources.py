"""Core's image sources: folders, lists, parquet, and Hugging Face data sets on this machine."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from visionlaw.errors import DataError, InvalidIdError
from visionlaw.protocols import ImageSource, IndexedSource
from visionlaw.registry import Registry

REGISTRY = Registry.discover()


def png(number: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def key(number: int) -> str:
    return f"sha256:{hashlib.sha256(png(number)).hexdigest()}"


def write(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(number))


def source(name: str, root: Path | None) -> Any:
    found = REGISTRY.load("image_source", name, root=root)
    assert isinstance(found, ImageSource)
    assert isinstance(found, IndexedSource)
    return found


def contents(found: Any) -> list[tuple[str, str | None]]:
    assert [found[place][0].key for place in range(len(found))] == [image.key for image, _ in found]
    return [(image.key, caption) for image, caption in found]


def test_a_folder_is_read_with_those_in_it_in_one_order_and_keyed_by_content(tmp_path: Path) -> None:
    write(tmp_path, "b/10.png", "a.png", "b/2.png", ".hidden.png", "notes.txt")
    found = source("folder", tmp_path)
    assert contents(found) == [(key(1), None), (key(0), None), (key(2), None)]
    assert found[0][0].load().size == (7, 5)


def test_a_folder_says_what_it_cannot_use(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs a folder\. .*--images folder --root PATH, or as images_root"):
        source("folder", None)
    with pytest.raises(DataError, match="holds no image"):
        source("folder", tmp_path)
    with pytest.raises(DataError, match="not there"):
        source("folder", tmp_path / "gone")
    (tmp_path / "x.tar").write_bytes(b"")
    with pytest.raises(DataError, match="tar shard"):
        source("folder", tmp_path)


def test_a_text_file_lists_paths_relative_to_it(tmp_path: Path) -> None:
    write(tmp_path, "b/10.png", "a.png")
    (tmp_path / "b" / "these.txt").write_text("\ufeff10.png\n\n../a.png  \n", encoding="utf-8")
    assert contents(source("list", tmp_path / "b" / "these.txt")) == [(key(0), None), (key(1), None)]


ROWS = [("0.png", "a cat, asleep"), ("1.png", 'a "dog"'), ("2.png", "")]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_tables_have_captions(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, "0.png", "1.png", "2.png")
    path = tmp_path / f"t.{suffix}"
    with path.open("w", newline="", encoding="utf-8") as file:
        if suffix == "jsonl":
            file.writelines(json.dumps({"file": name, "text": told or None}) + "\n" for name, told in ROWS)
        else:
            csv.writer(file, delimiter="\t" if suffix == "tsv" else ",").writerows([("file", "text"), *ROWS])
    found = contents(source("list?image=file&caption=text", path))
    assert [caption or "" for _, caption in found] == [caption for _, caption in ROWS]
    assert [image for image, _ in found] == [key(0), key(1), key(2)]
    assert [caption for _, caption in source("list?image=file", path)] == [None] * 3
    with pytest.raises(DataError, match="image=COLUMN"):
        source("list", path)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.txt", "", "names no image"),
        ("t.csv", "image,caption\n,x\n", "t.csv:2: there is no path under 'image'"),
        ("t.jsonl", '{"image": "a.png"}\n[1]\n', "t.jsonl:2: this is not a JSON object"),
        ("t.jsonl", '{"image"\n', "t.jsonl:1: this is not JSON"),
        ("t.xml", "<a/>", "reads files that end in .txt, .csv, .tsv, .jsonl"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        source("list", tmp_path / name)
    (tmp_path / "latin.txt").write_bytes(b"\xe9.png")
    with pytest.raises(DataError, match="not UTF-8"):
        source("list", tmp_path / "latin.txt")


def test_what_is_wrong_with_one_image_is_told_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, "0.png", "1.png")
    (tmp_path / "1.png").write_text("no image")
    (tmp_path / "t.txt").write_text("0.png\n1.png\n2.png\n")
    found = source("list", tmp_path / "t.txt")
    assert len(found) == 3
    assert found[0][0].key == key(0)
    for place, says in ((1, "not an image"), (2, "does not exist")):
        with pytest.raises(DataError, match=says):
            found[place]


def table(*numbers: int, as_struct: bool) -> pyarrow.Table:
    images: list[Any] = [{"bytes": png(n), "path": None} if as_struct else png(n) for n in numbers]
    return pyarrow.table({"image": images, "other": [1.5] * len(numbers), "caption": [f"c{n}" for n in numbers]})


def test_parquet_of_bytes_of_hugging_face_s_structs_and_of_paths(tmp_path: Path) -> None:
    for number, as_struct in enumerate((False, True)):
        part = table(*range(5 * number, 5 * number + 5), as_struct=as_struct)
        pyarrow.parquet.write_table(part, tmp_path / f"{number}.parquet", row_group_size=2)
    found = source("parquet", tmp_path)
    assert contents(found) == [(key(n), f"c{n}") for n in range(10)]
    assert found[7][0].load().size == (7, 5)
    assert contents(source("parquet?caption=none", tmp_path / "1.parquet")) == [(key(n), None) for n in range(5, 10)]
    (tmp_path / "paths").mkdir()
    write(tmp_path / "paths", "x.png")
    pyarrow.parquet.write_table(pyarrow.table({"file": ["x.png", None]}), tmp_path / "paths" / "p.parquet")
    paths = source("parquet?image=file", tmp_path / "paths" / "p.parquet")
    assert paths[0][0].key == key(0)
    with pytest.raises(DataError, match=r"p\.parquet, row 2' holds nothing where an image belongs"):
        paths[1]
    with pytest.raises(DataError, match="no column 'image' but 'file'"):
        source("parquet", tmp_path / "paths")
    with pytest.raises(IndexError):
        found[10]


def test_damaged_tables_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"x\.parquet' cannot be read"):
        source("parquet", tmp_path)
    with pytest.raises(DataError, match=r"x\.parquet' cannot be read"):
        source("hf", tmp_path)
    (tmp_path / "x.parquet").unlink()
    with pytest.raises(DataError, match="holds no parquet file"):
        source("parquet", tmp_path)
    with pytest.raises(DataError, match=r"holds no data set.*save_to_disk"):
        source("hf", tmp_path)


def test_a_data_set_that_hugging_face_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
    rows = {"image": [{"bytes": png(n), "path": None} for n in range(7)], "caption": [f"c{n}" for n in range(7)]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    whole.save_to_disk(tmp_path / "one", num_shards=2)
    assert contents(source("hf", tmp_path / "one")) == [(key(n), f"c{n}") for n in range(7)]
    picked = whole.select([5, 0, 3])
    datasets.DatasetDict({"train": whole, "test": picked}).save_to_disk(tmp_path / "two")
    assert contents(source("hf?split=test", tmp_path / "two")) == [(key(n), f"c{n}") for n in (5, 0, 3)]
    with pytest.raises(DataError, match=r"has the splits train, test\. Name one: \?split=NAME"):
        source("hf", tmp_path / "two")
    with pytest.raises(DataError, match=r"not 'tset'\. Did you mean 'test'"):
        source("hf?split=tset", tmp_path / "two")


def test_a_downloaded_data_set_of_parquet_or_arrow_files(tmp_path: Path) -> None:
    for split, numbers in (("train", (0, 1)), ("test", (2,))):
        (tmp_path / "data").mkdir(exist_ok=True)
        pyarrow.parquet.write_table(
            table(*numbers, as_struct=True), tmp_path / "data" / f"{split}-00000-of-00001.parquet"
        )
        (tmp_path / "arrow").mkdir(exist_ok=True)
        part = table(*numbers, as_struct=True)
        path = str(tmp_path / "arrow" / f"toys-{split}.arrow")
        with pyarrow.OSFile(path, "wb") as file, pyarrow.ipc.new_file(file, part.schema) as writer:
            writer.write_table(part)
    for folder in ("data", "arrow"):
        assert contents(source("hf?split=train", tmp_path / folder)) == [(key(n), f"c{n}") for n in (0, 1)]
        with pytest.raises(DataError, match="has the splits test, train"):
            source("hf", tmp_path / folder)


def test_the_folder_source_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(InvalidIdError, match="no option 'image'"):
        source("folder?image=x", tmp_path)
