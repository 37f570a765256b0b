"""The last line of defence: streams, signals, and what nobody foresaw."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LIST = [sys.executable, "-m", "visionlaw", "list"]


def test_a_stream_that_cannot_encode_a_character(python: Callable[..., Any]) -> None:
    done = python("-m", "visionlaw", "law", "reproduce", "--trials", "5", PYTHONIOENCODING="ascii")
    assert done.code == 0, done.err
    assert "\\xb2" in done.out  # R², spelt out


def test_closed_streams(tmp_path: Path) -> None:
    for command, code in (("list >&-", 0), ("list --json 2>&-", 0), ("show nothing@1 2>&-", 2)):
        shell = f"{sys.executable} -m visionlaw {command}"
        done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (code, ""), command


@pytest.mark.parametrize("delay", [0.03, 0.06, 0.1, 0.15])
def test_ctrl_c_gets_its_sentence_from_the_start(tmp_path: Path, delay: float) -> None:
    running = subprocess.Popen(LIST, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    # Before Python reaches our main function the signal is Python's own business.
    if ", in main" in err or running.returncode == 130:
        assert running.returncode == 130, err
        assert "Traceback" not in err


def test_control_characters_do_not_reach_the_terminal(cli: Callable[..., Any]) -> None:
    done = cli("show", "x/\x1b[31mred@1")
    assert done.code == 2
    assert "\x1b" not in done.err
    assert len(cli("show", "x/" + "y" * 100_000 + "@1").err) < 5000


def test_debug_shows_the_exception_itself(cli: Callable[..., Any]) -> None:
    from visionlaw.errors import UnknownIdError

    with pytest.raises(UnknownIdError):
        cli("--debug", "show", "nothing/at-all@1")
    cli("list")  # the next command starts without --debug


@pytest.mark.skipif(os.name == "nt", reason="a folder cannot be named so everywhere")
def test_a_registry_toml_that_is_none_is_not_passed_over(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "registry.toml").mkdir()
    done = cli("list")
    assert done.code == 2
    assert "registry.toml" in done.err
