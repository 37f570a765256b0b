from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PART = 4 * 256 * 256 * 4 // 1024  # KiB of tokens


def test_whenever_a_run_is_killed_the_next_one_ends_in_the_same_bytes(python, form, tmp_path: Path) -> None:
    outcome = python("-W", "ignore", str(HERE / "killed_run.py"), form, str(tmp_path))
    assert (outcome.code, outcome.err) == (0, "")
    (moments,) = outcome.out.splitlines()
    assert int(moments) > 15


def long_run(form: str, folder: Path, parts: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(HERE / "long_run.py"), form, str(folder), str(parts)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def lines(process: subprocess.Popen[str]) -> list[list[str]]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return [line.split() for line in out.splitlines()]


def test_a_kill_from_outside_loses_one_part_at_the_most(form, tmp_path: Path, content) -> None:
    chance = random.Random(form)
    lines(long_run(form, tmp_path / "whole", 12))
    finished = 0
    with long_run(form, tmp_path / "killed", 12) as process:
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 10)):
            finished = int(process.stdout.readline().split()[0]) + 1
        process.kill()
    assert process.returncode == -signal.SIGKILL
    first = lines(long_run(form, tmp_path / "killed", 12))[0]
    assert int(first[0]) >= finished
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_memory_does_not_grow_with_the_number_of_images(form, tmp_path: Path) -> None:
    done = lines(long_run(form, tmp_path / "out", 200))
    written = [int(peak) for number, peak in done if number != "read"]
    read = [int(peak) for number, peak in done if number == "read"]
    assert len(written) == len(read) == 200
    assert written[-1] - written[20] < 2 * PART, written
    assert read[-1] - read[20] < 2 * PART, read
