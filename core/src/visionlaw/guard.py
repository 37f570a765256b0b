"""Other people's code: what it raises becomes one sentence that names it, what it prints stays out of stdout."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator

from pydantic import ValidationError

from visionlaw.errors import MissingDependencyError, PluginError, VisionlawError
from visionlaw.specs import SPEC_TYPES, Option, ScorerVariant, Variant

CORE = "visionlaw"
MOST_CHARACTERS = 400
_SPECS = {model.__name__ for model in (*SPEC_TYPES.values(), Option, Variant, ScorerVariant)}


@contextlib.contextmanager
def third_party(what: str, distribution: str = "", extras: tuple[str, ...] = ()) -> Generator[None]:
    """Guard a block that runs code of a plugin.

    Args:
        what: What is being done, as the subject of a sentence: ``Loading 'a/b@224'``.
        distribution: Who provides the code; empty where nobody knows.
        extras: Extras of the distribution that bring the libraries it needs.

    Raises:
        MissingDependencyError: The block raised ImportError; the remedy is the command that installs the library.
        PluginError: The block raised anything else, SystemExit included; errors of visionlaw's own and Ctrl-C pass.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (VisionlawError, KeyboardInterrupt, GeneratorExit):
        raise
    except ImportError as error:
        wanted = f"'{distribution or CORE}{'[' + ','.join(extras) + ']' if extras else ''}'"
        if distribution and wants_newer_core(error):
            wanted = f"{CORE} {wanted}"
        raise MissingDependencyError(
            f"{what} needs a library that cannot be imported: {describe_error(error)}.",
            f"python -m pip install --upgrade {wanted}",
        ) from error
    except BaseException as error:
        author = f"the author of {distribution}" if distribution else "its author"
        raise PluginError(
            f"{what} failed: {describe_error(error)}.", f"Report it to {author}; 'visionlaw --debug …' shows where."
        ) from error


def wants_newer_core(error: BaseException) -> bool:
    """Whether someone else's code asks core for a name, a module or a field of a spec that it does not have."""
    if isinstance(error, ValidationError):
        return error.title in _SPECS and error.errors()[0]["type"] == "extra_forbidden"
    return isinstance(error, ImportError) and (error.name or "").split(".")[0] == CORE


def describe_error(error: BaseException) -> str:
    """Return an exception in one line: its type and its text, whatever its author made of ``__str__``."""
    if isinstance(error, ValidationError):
        return f"{error.title} is invalid: {first_reason(error)}"
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    name = type(error).__name__
    try:
        lines = str(error).splitlines()
    except Exception:  # noqa: BLE001  a broken __str__ must not break the report of the breakage
        return name
    text = "; ".join(line.strip() for line in lines if line.strip())[:MOST_CHARACTERS].rstrip(".")
    return f"{name}: {text}" if text else name


def first_reason(error: ValidationError) -> str:
    """Return the first of a validation's complaints, with its place."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if wants_newer_core(error):
        return f"this version of {CORE} knows no field '{where}'"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
