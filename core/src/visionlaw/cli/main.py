"""The entry point of the command line, and the one place where errors become sentences and exit codes.

Everything else is imported inside :func:`main`, so that Ctrl-C gets its sentence from the first moment on.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
BUG = 1


def main() -> None:
    """Run the command line; a user's error is one sentence with its remedy and exit code 2."""
    try:
        _prepare_streams()
        from visionlaw.cli.app import app

        with warnings.catch_warnings():
            warnings.showwarning = _tell(warnings.showwarning)
            app()
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            _say_interrupted()
        raise
    except KeyboardInterrupt:
        _say_interrupted()
        sys.exit(INTERRUPTED)
    except BaseException as error:  # noqa: BLE001  the last resort: no traceback reaches a user unasked
        _explain(error)


def _explain(error: BaseException) -> None:
    """Say what happened in one sentence, with its remedy, and exit."""
    from visionlaw.errors import VisionlawError

    if isinstance(error, VisionlawError):
        _fail(error, error.message, error.remedy, error.exit_code)
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            _fail(error, "The disk is full.", "Free some space and run the command again; what was finished is kept.")
        where = f" '{error.filename}'" if error.filename else ""
        _fail(error, f"{error.strerror or error}{where}.", "Check the path and its permissions.")
    if isinstance(error, MemoryError):
        _fail(error, "There is not enough memory for that.", "Ask for less at a time.")
    kind = type(error).__name__
    _fail(error, f"This is a bug in visionlaw: {kind}: {error}", "Run 'visionlaw --debug …' and report it.", BUG)


def _tell(show: Callable[..., None]) -> Callable[..., None]:
    """Return how warnings are shown: a deprecation as its sentence alone, any other as ``show`` does."""

    def tell(message: Warning | str, category: type[Warning], *where: object, **more: object) -> None:
        from visionlaw.cli.output import note, printable
        from visionlaw.errors import VisionlawDeprecationWarning

        if issubclass(category, VisionlawDeprecationWarning):
            note(printable(f"Warning: {message}"))
        else:
            show(message, category, *where, **more)

    return tell


def _prepare_streams() -> None:
    """Make sure that there are streams, and that a character they cannot encode is written as its code."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  lives as long as we do
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _say_interrupted() -> None:
    sys.stderr.write("Interrupted. What was finished is kept; run the same command again to go on.\n")


def _fail(error: BaseException, message: str, remedy: str, code: int = 2) -> NoReturn:
    from visionlaw.cli.context import settings
    from visionlaw.cli.output import printable
    from visionlaw.plugins import strict

    if settings.debug or strict():
        raise error
    sys.stderr.write(f"Error: {printable(message)}\n")
    if remedy:
        sys.stderr.write(f"  → {printable(remedy)}\n")
    sys.exit(code)
