"""Annotations that anybody may have written are read with bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from visionlaw.datasets.reading import (
    finite,
    finite_list,
    inner_path,
    list_annotations,
    read_json,
    require_layout,
)
from visionlaw.errors import DataError


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b'"' + b"x" * 2000 + b'"', None),
        (b'"' + b"x" * 2**20 + b'"', "larger than 1 MiB"),
    ],
)
def test_json_of_any_kind(tmp_path: Path, content: bytes, says: str | None) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    if says is None:
        assert read_json(path, 2**20) == json.loads(content)
    else:
        with pytest.raises(DataError, match=says):
            read_json(path, 2**20)


def test_no_file_a_folder_and_a_pipe(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path, says in ((tmp_path / "no", "does not exist"), (tmp_path, "not a file"), (tmp_path / "pipe", "not a f")):
        with pytest.raises(DataError, match=says):
            read_json(path)


def test_annotations_come_sorted_and_without_what_archives_leave_behind(tmp_path: Path) -> None:
    for name in ("b:cat.json", "a:cat.json", "._a:cat.json", "a.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_annotations(tmp_path, ".json")] == ["a:cat.json", "b:cat.json"]
    assert list_annotations(tmp_path / "none", ".json") == []


@pytest.mark.parametrize("value", ["1", None, True, [1], float("nan"), float("inf"), 10**400])
def test_what_is_not_a_finite_number(value) -> None:
    with pytest.raises(DataError):
        finite(value)


def test_numbers() -> None:
    assert finite_list([1, 2.5], 2) == (1.0, 2.5)
    for value in ([1], [1, 2, 3], "12", None, [1, "2"]):
        with pytest.raises(DataError):
            finite_list(value, 2)


def test_a_path_stays_inside() -> None:
    assert inner_path("JPEGImages/cat/2008:1.jpg") == "JPEGImages/cat/2008:1.jpg"
    assert inner_path("./a//b.jpg") == "a/b.jpg"
    assert inner_path("a/..b.jpg") == "a/..b.jpg"


def test_a_folder_that_is_not_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    assert require_layout(str(tmp_path), ("a", "b"), "Toy-1k", "Get it.") == tmp_path
    with pytest.raises(DataError, match="is not Toy-1k: there is no 'a' or 'c/d' in it") as caught:
        require_layout(tmp_path, ("a", "c/d"), "Toy-1k", "Get it.")
    assert caught.value.remedy == "Get it."
    for missing in (None, tmp_path / "none"):
        with pytest.raises(DataError, match="Toy-1k"):
            require_layout(missing, ("a",), "Toy-1k", "Get it.")
