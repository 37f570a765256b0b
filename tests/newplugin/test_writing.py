"""All files, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from visionlaw.errors import ConfigError
from visionlaw.newplugin.writing import write_all

FILES = {"README.md": "# one\n", "src/pkg/__init__.py": ""}


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir], ids=["absent", "empty"])
def test_a_folder_that_is_absent_or_empty(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "new"
    make(folder)
    write_all(folder, FILES)
    assert tree(folder) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_what_it_lies_in_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_all(Path("a/b/new"), FILES)
    assert tree(tmp_path / "a" / "b" / "new") == FILES


@pytest.mark.parametrize("case", ["file", "occupied", "link", "dangling"])
def test_what_is_there_stays_as_it_is(tmp_path: Path, case: str) -> None:
    place = tmp_path / "place"
    (tmp_path / "elsewhere").mkdir()
    if case == "file":
        place.write_text("mine")
    elif case == "occupied":
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    else:
        place.symlink_to(tmp_path / ("elsewhere" if case == "link" else "nowhere"))
    before = tree(tmp_path)
    with pytest.raises(ConfigError, match="There is something at"):
        write_all(place, FILES)
    assert tree(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"place", "elsewhere"}


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_all(tmp_path / "new", {"first": "x", "first/second": "a file where a folder has to be"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError):
        write_all(tmp_path / "file" / "new", FILES)
    assert tree(tmp_path) == {"file": "mine"}


@pytest.mark.parametrize("place", ["..", "/"])
def test_what_is_no_name(place: str) -> None:
    with pytest.raises(ConfigError, match="no name for a new folder"):
        write_all(Path(place), FILES)
