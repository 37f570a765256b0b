from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from visionlaw.errors import DataError
from visionlaw_mllm.records import Record, RecordSet, Skipped

TALK = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]


def png(colour: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def pack(path: Path, *members: tuple[str, bytes | str]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            encoded = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(encoded)
            archive.addfile(member, io.BytesIO(encoded))
    return path


def pair(number: int) -> list[tuple[str, bytes | str]]:
    return [(f"{number:04d}.png", png(number)), (f"{number:04d}.txt", f"caption {number}\n")]


def only(path: Path) -> Record | Skipped:
    (found,) = RecordSet.open(path)
    return found


def captions(records: RecordSet, seed: int | None = None, start: int = 0) -> list[str]:
    return [r.turns[-1].text for r in records.stream(seed, start=start) if isinstance(r, Record)]


def test_a_record_with_its_image(tmp_path: Path) -> None:
    record = json.dumps({"id": "seven", "image": "elsewhere/7.png", "conversations": TALK})
    found = only(pack(tmp_path / "a.tar", ("d/0007.json", record), ("d/0007.png", png(7))))

    assert isinstance(found, Record)
    assert found.id == "seven"
    assert found.image is not None
    assert found.image.name == "a.tar/d/0007.png"
    assert found.image.open().load().getpixel((0, 0)) == (7, 0, 0)
    assert found.turns[1].text == "A cat."


def test_an_image_with_its_caption(tmp_path: Path) -> None:
    """As img2dataset packs them: its ``.json`` is no record."""
    members = [*pair(3), ("0003.json", json.dumps({"url": "u", "image": 1, "caption": "c"}))]
    found = only(pack(tmp_path / "a.tar", *members))

    assert isinstance(found, Record)
    assert found.id == "0003"
    assert [turn.text for turn in found.turns] == ["<image>", "caption 3"]


def test_text_alone(tmp_path: Path) -> None:
    talk = [{"from": "human", "value": "Why?"}, TALK[1]]
    found = only(pack(tmp_path / "a.tar", ("1.json", json.dumps({"conversations": talk}))))
    assert isinstance(found, Record)
    assert found.image is None


def test_shards_of_a_folder_are_one_data_set_in_any_order(tmp_path: Path) -> None:
    for shard in range(3):
        pack(tmp_path / f"{shard:05d}.tar", *(m for n in range(10) for m in pair(10 * shard + n)))
    records = RecordSet.open(tmp_path)

    expected = [f"caption {n}" for n in range(30)]
    assert len(records) == 30
    assert captions(records) == expected
    shuffled = captions(records, seed=1)
    assert len({int(text.split()[1]) // 10 for text in shuffled[:10]}) == 3
    assert sorted(shuffled) == sorted(expected)
    assert captions(records, seed=1, start=21) == shuffled[21:]
    for record in (records[0], records[29]):
        assert isinstance(record, Record)
        assert record.image is not None
        assert record.image.open().load().getpixel((0, 0)) == (record.position, 0, 0)


def test_long_names_and_other_members(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        folder = tarfile.TarInfo("d")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for number in range(2):
            for name, content in (("png", png(number)), ("txt", f"caption {number}".encode())):
                member = tarfile.TarInfo(f"d/{'x' * 150}{number}.{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo(f"d/{'x' * 150}1.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    assert captions(RecordSet.open(path)) == ["caption 0", "caption 1"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("1.png", png())], "neither 'conversations' in a .json file nor a caption"),
        ([("1.json", "{"), ("1.png", png())], "not JSON"),
        ([("1.json", "[]"), ("1.png", png())], "no object"),
        ([("1.txt", b"\xff\xfe"), ("1.png", png())], "not UTF-8"),
        ([("1.txt", "a caption")], "the tag <image> and no image"),
        ([("1.png", png()), ("1.mask.png", png()), ("1.txt", "c")], "It has 2 images"),
        ([("1.png", png()), ("1.txt", " \n")], "answer is empty"),
    ],
)
def test_records_that_lack_something(tmp_path: Path, members: list[tuple[str, bytes | str]], reason: str) -> None:
    path = pack(tmp_path / "a.tar", *members, *pair(2))
    first, second = RecordSet.open(path)

    assert isinstance(first, Skipped)
    assert reason in first.reason
    assert isinstance(second, Record)


def test_a_broken_image_shows_when_it_is_opened(tmp_path: Path) -> None:
    found = only(pack(tmp_path / "a.tar", ("1.png", b"rubbish"), ("1.txt", "c")))
    assert isinstance(found, Record)
    assert found.image is not None
    with pytest.raises(DataError, match=r"a\.tar/1\.png"):
        found.image.open().load()


def test_the_version_is_that_of_the_headers(tmp_path: Path) -> None:
    def version(*members: tuple[str, bytes | str]) -> str:
        return RecordSet.open(pack(tmp_path / "a.tar", *members)).version

    assert version(*pair(1)) == version(*pair(1)) != version(*pair(2))


def test_a_compressed_shard_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    plain = pack(tmp_path / "a.tar", *pair(1)).read_bytes()
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(plain))
    with pytest.raises(DataError, match="is compressed") as error:
        RecordSet.open(tmp_path / "b.tar.gz")
    assert error.value.remedy == f"gunzip '{tmp_path / 'b.tar.gz'}'"


@pytest.mark.parametrize("cut", [100, 512 + 30, 1500])
def test_a_shard_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = pack(tmp_path / "a.tar", *pair(1), *pair(2))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"The shard '.*a\.tar' is damaged"):
        RecordSet.open(path)


def test_a_shard_that_is_lost_after_indexing_loses_its_records_alone(tmp_path: Path) -> None:
    for shard in range(2):
        pack(tmp_path / f"{shard}.tar", *pair(shard))
    records = RecordSet.open(tmp_path)
    (tmp_path / "0.tar").unlink()

    first, second = records
    assert isinstance(first, Skipped)
    assert "does not exist" in first.reason
    assert isinstance(second, Record)


def test_a_folder_with_both_formats_is_refused(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", *pair(1))
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="holds shards and parquet files"):
        RecordSet.open(tmp_path)
