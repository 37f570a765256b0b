"""Work that may hang, or end Python: it is done in a process of its own, which is given up after a while."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionlaw.plugins import STRICT_VARIABLE

_CHILD = """
import sys
sys.path[:] = {path!r}
from visionlaw.doctor.processes import answer
answer()
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a process.

    Attributes:
        answer: What it has answered, JSON values; None where it has not.
        failure: How it ended without an answer, as the end of a sentence; empty where it has answered.
    """

    answer: Any
    failure: str


def ask(target: str, arguments: Mapping[str, Any], seconds: float) -> Outcome:
    """Call a function in a process of its own, which finds the same modules as this one.

    Args:
        target: ``package.module:function``; takes the arguments as keywords and returns JSON values.
        arguments: JSON values.
        seconds: How long it may take.
    """
    with tempfile.TemporaryDirectory(prefix="visionlaw-doctor-", ignore_cleanup_errors=True) as folder:
        # Files and no pipes: what a process that was given up has started would keep a pipe open for ever.
        answer, errors = Path(folder) / "answer.json", Path(folder) / "stderr"
        request = json.dumps({"target": target, "arguments": dict(arguments), "answer": str(answer)})
        # -P: the search path is this process's own, whatever lies in the working directory.
        command = [
            sys.executable,
            "-P",
            "-X",
            "faulthandler",
            "-c",
            _CHILD.format(path=[str(folder) for folder in sys.path]),
            request,
        ]
        with errors.open("wb") as stream:
            try:
                done = subprocess.run(  # noqa: S603
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stream,
                    timeout=seconds,
                    check=False,
                    env=os.environ | {STRICT_VARIABLE: "0"},
                )
            except subprocess.TimeoutExpired:
                return Outcome(None, f"did not end within {seconds:g} s")
        with contextlib.suppress(OSError, ValueError):
            return Outcome(json.loads(answer.read_text(encoding="utf-8")), "")
        return Outcome(None, _ending(done.returncode, errors.read_text(encoding="utf-8", errors="replace")))


def answer() -> None:
    """Run in the process: call the target and write what it returns."""
    request = json.loads(sys.argv[1])
    module, _, function = request["target"].partition(":")
    found = getattr(importlib.import_module(module), function)(**request["arguments"])
    Path(request["answer"]).write_text(json.dumps(found), encoding="utf-8")


def _ending(code: int, errors: str) -> str:
    if code < 0:
        return f"ended Python with signal {-code}{_place_of_crash(errors)}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    words = f": {lines[-1].rstrip('.')[:300]}" if lines else ""
    return f"ended Python with exit code {code}{words}"


def _place_of_crash(errors: str) -> str:
    """Return where faulthandler has seen the crash: the innermost line of Python."""
    place = next((line.strip() for line in errors.splitlines() if line.startswith('  File "')), "")
    return f" at {place}" if place else ""
