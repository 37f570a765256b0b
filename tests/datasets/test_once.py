from __future__ import annotations

from pathlib import Path

from visionlaw.datasets.once import ReadOnce
from visionlaw.errors import DataError
from visionlaw.protocols import Finding


def test_a_file_is_read_once_and_what_is_wrong_told_once(tmp_path: Path) -> None:
    read: list[str] = []

    def number(path: Path) -> int:
        read.append(path.name)
        try:
            return int(path.read_text())
        except ValueError as error:
            raise DataError("It is no number.") from error

    def broken(path: Path) -> int:
        raise DataError(f"'{path}' is broken.")

    (tmp_path / "good").write_text("7")
    (tmp_path / "bad").write_text("seven")
    numbers = ReadOnce(tmp_path, number, "The number")

    first = list(numbers.look("good", "bad", "absent"))
    again = list(numbers.look("absent", "bad", "good"))

    assert list(ReadOnce(tmp_path, broken, "It").look("bad")) == [Finding("unreadable", "bad", "'bad' is broken.")]
    (long,) = ReadOnce(tmp_path, number, "It").look("x" * 300)
    assert (long.kind, long.message) == ("unreadable", "It cannot be read: File name too long.")
    assert first == [
        Finding("unreadable", "bad", "It is no number."),
        Finding("missing", "absent", "The number is not there."),
    ]
    assert again == []
    assert read == ["good", "bad"]
    assert (numbers.get("good"), numbers.get("bad"), numbers.get("absent")) == (7, None, None)
