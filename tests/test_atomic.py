from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visionlaw.atomic import sweep, write_bytes

if TYPE_CHECKING:
    from tests.conftest import Outcome


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    assert write_bytes(path, b"one") == path
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert files(tmp_path) == ["a.bin"]


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
def test_others_may_read_what_is_written_as_the_process_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert write_bytes(tmp_path / "a", b"").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


@pytest.mark.parametrize("interruption", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_when_the_disk_is_full_or_ctrl_c_comes_the_old_content_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    path = write_bytes(tmp_path / "a.bin", b"old")

    def stop(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(type(interruption)) as caught:
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["a.bin"]
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(path)


@pytest.mark.parametrize("name", ["file/a.bin", "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match=name) as caught:
        write_bytes(tmp_path / name, b"new")
    assert caught.value.filename == str(tmp_path / name)
    assert files(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_writer_leaves_the_old_content_and_its_leftover_is_swept_later(
    tmp_path: Path, python: Callable[..., Outcome]
) -> None:
    path = write_bytes(tmp_path / "deep" / "a.bin", b"old")
    code = (
        "import os, signal, sys; from pathlib import Path; from visionlaw.atomic import write_bytes\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_bytes(Path(sys.argv[1]), b'new')"
    )
    assert python("-c", code, str(path)).code == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (leftover,) = (p for p in path.parent.iterdir() if p != path)
    sweep(path.parent)
    assert leftover.exists(), "its writer may be alive"
    for old in (leftover, path):
        os.utime(old, (time.time() - 7200,) * 2)
    sweep(path.parent)
    assert files(tmp_path) == ["a.bin"]
    sweep(tmp_path / "nowhere")
