"""Installing distributions with pip into the Python that runs: the command, what stands in its way, and running it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from visionlaw.errors import InstallError, MissingDependencyError


def pip_command(distributions: Sequence[str]) -> list[str]:
    """Return the command that installs distributions, by their bare names, into the Python that runs."""
    return [sys.executable, "-m", "pip", "install", *distributions]


def command_text(command: Sequence[str]) -> str:
    """Return a command as it is typed; the Python that runs is ``python`` where the shell finds it by that name."""
    program, *arguments = command
    shown = ["python" if program == sys.executable and _is_python_of_the_shell() else program, *arguments]
    return subprocess.list2cmdline(shown) if os.name == "nt" else shlex.join(shown)


def require_pip(distributions: Sequence[str]) -> None:
    """Check that pip is here and may install into this Python.

    Args:
        distributions: What is to be installed, for the remedy.

    Raises:
        MissingDependencyError: There is no pip, as in an environment that uv has made.
        InstallError: The operating system manages this Python (PEP 668).
    """
    names = " ".join(distributions)
    # Not importlib.util.find_spec: setuptools' finder takes a question about pip for a run of pip, and gives way to it.
    if PathFinder.find_spec("pip") is None:
        if shutil.which("uv") or _made_by_uv():
            remedy = f"Install it with uv: {command_text(['uv', 'pip', 'install', '--python', sys.executable])} {names}"
        else:
            add = command_text([sys.executable, "-m", "ensurepip", "--upgrade"])
            remedy = f"Add it, and run the command again: {add}"
        raise MissingDependencyError(f"There is no pip in this Python, '{sys.executable}'.", remedy)
    if _externally_managed():
        raise InstallError(
            f"The operating system manages this Python, '{sys.executable}', and lets pip install nothing into it "
            "(PEP 668).",
            "Make an environment of your own, python -m venv .venv, and install there: "
            f".venv/bin/python -m pip install visionlaw {names}",
        )


def run_pip(command: Sequence[str], show: Callable[[str], None]) -> None:
    """Run a pip command to its end; it asks no questions.

    Args:
        command: From :func:`pip_command`.
        show: Called with each line that pip writes.

    Raises:
        InstallError: pip has failed; the message is the last error that it has written.
    """
    program, *arguments = command
    environment = os.environ | {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    last = ""
    with subprocess.Popen(  # noqa: S603  the arguments are names from the catalogue, checked to be nothing else
        [program, "-P", *arguments],  # pip is the one that is installed, whatever lies in the working directory
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    ) as process:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        for line in process.stdout:
            show(line.rstrip())
            # What follows an error are hints; the error says what has failed.
            if line.strip() and (line.startswith("ERROR") or not last.startswith("ERROR")):
                last = line.strip()
    if process.returncode:
        said = last.removeprefix("ERROR:").strip().rstrip(".") or f"it ended with exit code {process.returncode}"
        raise InstallError(
            f"pip has failed: {said}.",
            f"Mend that, or run it yourself: {command_text(command)}",
        )


def _is_python_of_the_shell() -> bool:
    found = shutil.which("python")
    if found is None:
        return False
    # A virtual environment's python is a link to the one that it is made of: only the folder tells them apart.
    here, there = Path(sys.executable), Path(found)
    return here.parent.resolve() == there.parent.resolve() and here.resolve() == there.resolve()


def _made_by_uv() -> bool:
    configuration = Path(sys.prefix) / "pyvenv.cfg"
    try:
        return any(line.startswith("uv =") for line in configuration.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return False


def _externally_managed() -> bool:
    """Whether pip would refuse to install here: the marker of PEP 668, outside of virtual environments."""
    if sys.prefix != sys.base_prefix or os.environ.get("PIP_BREAK_SYSTEM_PACKAGES", "") not in ("", "0"):
        return False
    return (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").is_file()
