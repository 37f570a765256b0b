"""What kept rows promise to several processes, and to one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from visionlaw.atomic import ABANDONED_SECONDS
from visionlaw.correspondence import rowfiles
from visionlaw.correspondence.rowcache import RowCache
from visionlaw.correspondence.rowfiles import RowsOf

PROCESS = """
import sys
from pathlib import Path
import torch
from visionlaw.correspondence import rowfiles
from visionlaw.correspondence.rowcache import RowCache
from visionlaw.correspondence.rowfiles import RowsOf

torch.set_num_threads(1)
folder = Path(sys.argv[1])
def said(text):
    print(text, flush=True)
    return sys.stdin.readline()
def rows(protocol):
    return RowsOf("toy/a@64", '{"provenance": {}}', "sources", 5, 1000, (8, 8), protocol)
def fill(new, value):
    new.similarity.fill_(value)
    new.placement.affine[:] = value
"""

WRITE = """
with RowCache(folder).writing(rows("one")) as new:
    said("writing")
    fill(new, 0.5)
assert (new.similarity == 0.5).all(), "whoever came first, these can be used"
said("written")
"""

READ = """
found = RowCache(folder).get(rows("one"))
said("mapped")
assert (found.similarity == 0.5).all()
said("read")
"""

CHURN = """
import random
choice = random.Random(int(sys.argv[2]))
cache = RowCache(folder, limit=600_000)  # two sets
said("ready")
read = 0
for _ in range(60):
    cache._used.clear()
    number = choice.randrange(5)
    found = cache.get(rows(str(number)))
    if found is None:
        with cache.writing(rows(str(number))) as found:
            fill(found, number)
    else:
        read += 1
    if choice.random() < 0.2:
        rowfiles.remove(folder / rows(str(choice.randrange(5))).digest)
    assert rowfiles.verify(folder, lambda done, total: None).damaged_row_sets == 0
    assert (found.similarity == number).all() and (found.placement.affine == number).all()
said(str(read))
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process and wait for its first word."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROCESS + program, str(tmp_path), *arguments]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert hear(started[-1])
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def ended(process: subprocess.Popen[str]) -> bool:
    tell(process)
    return process.wait() == 0


def verified(folder: Path) -> tuple[int, int, int]:
    found = rowfiles.verify(folder, lambda done, total: None)
    return found.row_sets, found.damaged_row_sets, found.abandoned_row_sets


def test_two_that_write_the_same_set_leave_one(run, tmp_path: Path) -> None:
    one, other = run(WRITE), run(WRITE)
    for process in (one, other):
        tell(process)
        assert hear(process) == "written"
    assert len(list(tmp_path.iterdir())) == 1
    assert verified(tmp_path) == (1, 0, 0)
    assert ended(one)
    assert ended(other)


def test_what_a_killed_writer_leaves_is_never_read_and_is_swept(run, tmp_path: Path) -> None:
    run(WRITE).send_signal(signal.SIGKILL)
    living = run(WRITE)  # its first word comes after its own sweep: the dead one may not have been dead by then
    (tmp_path / "unrelated").mkdir()
    dead = run(WRITE)
    dead.kill()
    dead.wait()
    assert rowfiles.stored(tmp_path) == []
    assert verified(tmp_path)[2] >= 1
    left = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(left) == 2, "that of the living writer, and what is not ours"
    tell(living)
    assert hear(living) == "written"
    assert verified(tmp_path) == (1, 0, 0)


def test_a_writer_that_takes_hours_is_left_alone(run, tmp_path: Path) -> None:
    writer = run(WRITE)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))  # as if it had begun long ago
    assert rowfiles.sweep(tmp_path) == 0
    tell(writer)
    assert hear(writer) == "written"
    assert verified(tmp_path) == (1, 0, 0)


def test_rows_that_are_removed_can_be_read_to_the_end(run, tmp_path: Path) -> None:
    writer = run(WRITE)
    tell(writer)
    assert hear(writer) == "written"
    reader = run(READ)
    (found,) = rowfiles.stored(tmp_path)
    assert rowfiles.remove(found.path)
    assert [path.suffix for path in tmp_path.iterdir()] == [], "its folder is gone, and no lock stays"
    tell(reader)
    assert hear(reader) == "read"
    assert ended(reader)


def test_many_that_read_write_and_remove_see_whole_sets_only(run, tmp_path: Path) -> None:
    processes = [run(CHURN, str(seed)) for seed in range(3)]
    for process in processes:
        tell(process)
    assert sum(int(hear(process)) for process in processes) > 0, "some were read"
    assert all(ended(process) for process in processes)
    assert verified(tmp_path)[1:] == (0, 0)
    assert all(len(path.name) == 32 for path in tmp_path.iterdir()), "nothing is left over"


def test_a_forgotten_lock_goes_once_nobody_can_be_about_to_take_it(tmp_path: Path) -> None:
    lock = tmp_path / ".writing-ab.lock"
    lock.touch()
    rowfiles.sweep(tmp_path)
    assert lock.exists()
    age = lock.stat().st_mtime - ABANDONED_SECONDS - 1
    os.utime(lock, (age, age))
    rowfiles.sweep(tmp_path)
    assert not lock.exists()


def test_a_removal_that_was_killed_is_finished_by_others(tmp_path: Path) -> None:
    rows = RowsOf("toy/a@64", "{}", "sources", 1, 1, (2, 2), "one")
    with RowCache(tmp_path).writing(rows):
        pass
    (tmp_path / rows.digest).rename(tmp_path / ".writing-abc")
    assert rowfiles.sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
