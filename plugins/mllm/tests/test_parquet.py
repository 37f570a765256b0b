from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visionlaw.errors import DataError, MissingDependencyError
from visionlaw_mllm import order
from visionlaw_mllm.formats import parquet as module
from visionlaw_mllm.records import Record, RecordSet, Skipped

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from pyarrow import parquet  # noqa: E402


def png(colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def row(number: int, image: object) -> dict[str, Any]:
    asked = "<image>" if image is not None else "Why?"
    talk = [{"from": "human", "value": asked}, {"from": "gpt", "value": f"answer {number}"}]
    return {"id": f"r{number}", "image": image, "conversations": talk, "unread": "x" * 100}


def write(path: Path, rows: list[dict[str, Any]], group: int = 4) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=group)
    return path


def answers(records: RecordSet, **how: Any) -> list[str]:
    return [r.turns[-1].text for r in records.stream(**how) if isinstance(r, Record)]


def test_images_are_bytes_paths_or_none(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(png(7))
    images = [{"bytes": png(5), "path": "a.png"}, {"bytes": None, "path": "b.png"}, None, {"bytes": b"", "path": None}]
    found = list(RecordSet.open(write(tmp_path / "r.parquet", [row(n, i) for n, i in enumerate(images)], 2)))

    assert [r.id for r in found] == ["r0", "r1", "r2", "r3"]
    sources = [r.image for r in found if isinstance(r, Record)]
    pixels = [None if s is None else s.open().load().getpixel((0, 0)) for s in sources[:3]]
    assert pixels == [(5, 0, 0), (7, 0, 0), None]
    assert sources[3] is not None
    with pytest.raises(DataError, match="empty"):
        sources[3].open().load()


def test_columns_of_other_shapes(tmp_path: Path) -> None:
    """A list of images in ``images``, conversations as text, plain bytes, no ids."""
    talk = json.dumps(row(0, "x")["conversations"])
    rows = [{"images": [png(1)], "conversations": talk}, {"images": [png(1)] * 2, "conversations": talk}]
    rows += [{"images": [png(1)], "conversations": "{"}]
    found = list(RecordSet.open(write(tmp_path / "r.parquet", rows)))

    assert isinstance(found[0], Record)
    assert found[0].image is not None
    assert found[0].image.open().load().size == (2, 2)
    assert [(r.position, r.reason) for r in found[1:] if isinstance(r, Skipped)] == [
        (1, "It has 2 images; one image in a conversation is understood."),
        (2, "Its 'conversations' are text that is not JSON."),
    ]


def test_a_folder_is_one_data_set_in_any_order(tmp_path: Path) -> None:
    for part in range(3):
        write(tmp_path / f"train-{part}.parquet", [row(10 * part + n, None) for n in range(10)])
    records = RecordSet.open(tmp_path)

    expected = [f"answer {n}" for n in range(30)]
    assert len(records) == 30
    assert answers(records) == expected
    assert answers(records, start=17) == expected[17:]
    shuffled = answers(records, seed=3, epoch=1)
    assert shuffled != expected
    assert sorted(shuffled) == sorted(expected)
    assert answers(records, seed=3, epoch=1, start=23) == shuffled[23:]
    last = records[29]
    assert isinstance(last, Record)
    assert last.position == 29


def test_a_row_group_is_read_once_per_pass_however_it_is_shuffled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(n, {"bytes": bytes(range(256)) * 8, "path": None}) for n in range(40)]
    records = RecordSet.open(write(tmp_path / "r.parquet", rows, group=4))
    two = 2 * records.blocks[0].bytes + 100
    monkeypatch.setattr(order, "WINDOW_BYTES", two)
    monkeypatch.setattr(module, "WINDOW_BYTES", two)
    read = list[int]()
    original = parquet.ParquetFile.read_row_group

    def counting(self: Any, number: int, **options: Any) -> Any:
        read.append(number)
        return original(self, number, **options)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", counting)
    assert len(set(answers(records, seed=0))) == 0 + 40
    assert sorted(read) == list(range(10))


def test_the_version_changes_with_the_rows(tmp_path: Path) -> None:
    def version(number: int) -> str:
        return RecordSet.open(write(tmp_path / "r.parquet", [row(number, None)])).version

    assert version(0) == version(0) != version(1)


def test_damage_inside_a_row_group_is_told_of_its_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "r.parquet", [row(n, {"bytes": png(n), "path": None}) for n in range(8)])
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196  # in the first group
    path.write_bytes(content)

    found = list(RecordSet.open(path))

    assert [type(r) for r in found] == [Skipped] * 4 + [Record] * 4
    assert isinstance(found[0], Skipped)
    assert "Row group 0" in found[0].reason


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1", b"no parquet at all"])
def test_what_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"r\.parquet' cannot be read"):
        RecordSet.open(tmp_path)


def test_without_conversations(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'conversations' but 'text'"):
        RecordSet.open(write(tmp_path / "r.parquet", [{"text": "x"}]))


def test_without_rows(tmp_path: Path) -> None:
    empty = pyarrow.table({"conversations": pyarrow.array([], pyarrow.string())})
    parquet.write_table(empty, tmp_path / "r.parquet")
    with pytest.raises(DataError, match="There is no record"):
        RecordSet.open(tmp_path / "r.parquet")


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "r.parquet", [row(0, None)])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"visionlaw-mllm\[parquet\]"):
        RecordSet.open(path)
