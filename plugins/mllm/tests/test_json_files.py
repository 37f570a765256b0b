from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.errors import DataError
from visionlaw_mllm.formats import json_files
from visionlaw_mllm.formats.json_array import scan_array
from visionlaw_mllm.formats.json_files import open_json
from visionlaw_mllm.records import Record, RecordSet, Skipped, read_records

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def record(number: int, **changes: object) -> dict[str, object]:
    question, answer = {"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": f"“{number}” 🐱"}
    return {"id": f"r{number}", "image": f"{number}.jpg", "conversations": [question, answer]} | changes


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@given(
    st.lists(JSON, max_size=6),
    st.integers(1, 40),
    st.sampled_from([None, 0, 1, "\t"]),
    st.booleans(),
    st.text(" \t\r\n", max_size=3),
)
def test_elements_of_an_array_are_found_wherever_the_chunks_end(
    values: list[Any], size: int, indent: int | str | None, ascii_only: bool, space: str
) -> None:
    content = (space + json.dumps(values, indent=indent, ensure_ascii=ascii_only) + space).encode("utf-8")
    chunks = [content[n : n + size] for n in range(0, len(content), size)]

    starts = scan_array(chunks[0], iter(chunks[1:]), 0, Path("values.json"))

    assert len(starts) == len(values) + 1
    found = [content[a:b].decode().strip() for a, b in itertools.pairwise(starts)]
    assert [json.JSONDecoder().raw_decode(text)[0] for text in found] == values


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("chunk", [1, 7, 2**20])
@pytest.mark.parametrize("form", ["array", "pretty", "lines", "lines with gaps", "lines without end"])
def test_every_form_of_json_gives_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bom: bytes, chunk: int, form: str
) -> None:
    monkeypatch.setattr(json_files, "CHUNK", chunk)
    rows = [record(n) for n in range(5)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    text = {
        "array": json.dumps(rows),
        "pretty": json.dumps(rows, indent=2, ensure_ascii=False),
        "lines": "\n".join(lines) + "\n",
        "lines with gaps": "\n\r\n".join(lines) + "\r\n \n\n",
        "lines without end": "\n".join(lines),
    }[form]
    records = RecordSet.open(write(tmp_path / "records.json", bom + text.encode()))

    assert len(records) == 5
    assert [(r.position, r.id, r.turns[1].text) for r in records if isinstance(r, Record)] == [
        (n, f"r{n}", f"“{n}” 🐱") for n in range(5)
    ]
    assert [r.id for r in records.stream(start=3)] == ["r3", "r4"]
    assert records[-1] == records[4]


def test_a_file_is_never_held_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "records.json").open("w") as file:
        file.write("[" + ",\n".join(json.dumps(record(n, note="x" * 500)) for n in range(20_000)) + "]")
    path = tmp_path / "records.json"

    def peak(work: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    whole = peak(lambda: json.loads(path.read_bytes()))
    assert whole > 40e6
    assert peak(lambda: RecordSet.open(path)) < whole / 20
    records = RecordSet.open(path)
    assert peak(lambda: sum(1 for _ in records.stream(seed=0))) < whole / 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" + json.dumps(record(0)) + ",", "after 1 whole records, what begins there is broken or cut off"),
        (json.dumps([record(0), record(1)])[:-30], "after 1 whole records, what begins there is broken or cut off"),
        (json.dumps([record(0)])[:-1], "after 1 whole records, the file breaks off"),
        ("[{} {}]", "a comma is missing"),
        ("[{},]", "what begins there is broken"),
        ("[{}] []", "something follows the array"),
        ("[" * 200_000, "recursion"),
        ('{\n "data": []\n}', "neither a JSON array nor JSON lines"),
        ("a,b\n1,2\n", "neither a JSON array nor JSON lines"),
        (b"\x89PNG\r\n\x1a\n", "neither a JSON array nor JSON lines"),
        ("", "is empty"),
        ("[]", "There is no record"),
        ("\n\n", "There is no record"),
    ],
)
def test_what_is_no_json_is_one_sentence(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path / "records.json", content)
    with pytest.raises(DataError, match=message) as error:
        RecordSet.open(path)
    assert "records.json" in str(error.value)


def test_bad_lines_are_skipped_where_they_stand(tmp_path: Path) -> None:
    good = json.dumps(record(0))
    lines = [good, good[:-5], "7", "[]", good + " {}", '{"id": "u", "conversations": "\udcff"}', good]
    path = write(tmp_path / "records.jsonl", "\n".join(lines).encode("utf-8", "surrogateescape"))

    found = list(read_records(path))

    assert [type(r) for r in found] == [Record, *[Skipped] * 5, Record]
    assert [r.position for r in found] == list(range(7))
    reasons = [r.reason for r in found if isinstance(r, Skipped)]
    for reason, expected in zip(
        reasons, ["not JSON", "It is int", "It is list", "more than one JSON value", "not UTF-8"], strict=True
    ):
        assert expected in reason


def test_a_record_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "MAX_RECORD_BYTES", 400)
    rows = [record(0), record(1, note="x" * 500), record(2)]
    path = write(tmp_path / "records.jsonl", "\n".join(map(json.dumps, rows)))

    assert [type(r) for r in RecordSet.open(path)] == [Record, Skipped, Record]


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "records.json", json.dumps([record(0), record(1)]))
    records = iter(RecordSet.open(path))
    next(records)
    write(path, json.dumps([record(0)]))

    with pytest.raises(DataError, match="has changed since it was indexed"):
        next(records)


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    first = open_json(write(tmp_path / "a.json", json.dumps([record(0)]))).version
    assert open_json(write(tmp_path / "b.json", json.dumps([record(0)]))).version == first
    assert open_json(write(tmp_path / "b.json", json.dumps([record(1)]))).version != first
