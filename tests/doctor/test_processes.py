"""Processes of their own: whatever happens in one is told, and this one goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from visionlaw.doctor.processes import ask

CODE = """
import os, signal, subprocess, sys, time

def echo(**given):
    print("noise on stdout")
    return given | {"path": sys.path, "strict": os.environ["VISIONLAW_STRICT"]}

def fail():
    raise OSError("libcudart.so.13: cannot open shared object file")

def crash():
    os.kill(os.getpid(), signal.SIGSEGV)

def hang():
    time.sleep(60)

def leave_a_child():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    time.sleep(60)

def leave():
    sys.exit(3)

def read():
    return sys.stdin.read()

def unsayable():
    return object()
"""


@pytest.fixture(autouse=True)
def tricks(module: Callable[[str, str], object]) -> None:
    module("fixture_tricks", CODE)


def test_it_answers_with_the_same_search_path_and_the_same_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONLAW_STRICT", "1")  # a plugin's exception is what is asked about: it must not end it
    outcome = ask("fixture_tricks:echo", {"name": "a 'quoted' {name}", "numbers": [1, None]}, 30)
    assert outcome.failure == ""
    assert outcome.answer == {
        "name": "a 'quoted' {name}",
        "numbers": [1, None],
        "path": [str(folder) for folder in sys.path],
        "strict": "0",
    }


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("fail", "ended Python with exit code 1: OSError: libcudart.so.13: cannot open shared object file"),
        ("leave", "ended Python with exit code 3"),
        ("unsayable", "ended Python with exit code 1: TypeError: Object of type object is not JSON serializable"),
        ("missing", "ended Python with exit code 1: AttributeError"),
    ],
)
def test_an_end_without_an_answer_is_told(function: str, words: str) -> None:
    outcome = ask(f"fixture_tricks:{function}", {}, 30)
    assert outcome.answer is None
    assert outcome.failure.startswith(words)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_crash_is_told_with_its_place() -> None:
    outcome = ask("fixture_tricks:crash", {}, 30)
    assert outcome.failure.startswith("ended Python with signal 11")
    assert 'fixture_tricks.py", line 1' in outcome.failure
    assert outcome.failure.endswith("in crash")


@pytest.mark.parametrize("function", ["hang", "leave_a_child"])
def test_what_hangs_is_given_up_even_where_it_has_left_something_running(function: str) -> None:
    start = time.monotonic()
    assert ask(f"fixture_tricks:{function}", {}, 1.5).failure == "did not end within 1.5 s"
    assert time.monotonic() - start < 15


def test_nobody_is_there_to_answer_its_questions() -> None:
    assert ask("fixture_tricks:read", {}, 30).answer == ""
