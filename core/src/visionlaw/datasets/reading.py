"""What readers of annotation files share: bounded JSON, sorted folders, finite numbers, names that stay inside.

Annotations come from archives that anybody may have packed, so nothing in them is trusted: not their size, not their
nesting, not the paths they name. Imports no torch, no numpy.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, cast

from visionlaw.errors import DataError

MAX_ANNOTATION_BYTES = 16 * 2**20
MAX_FILES = 1_000_000


def read_json(path: Path, most_bytes: int = MAX_ANNOTATION_BYTES) -> Any:
    """Read a JSON file of bounded size.

    Raises:
        DataError: It cannot be read, is no regular file, is too large, or is not JSON in UTF-8; the message is a
            sentence about the file that does not name it, as :class:`visionlaw.protocols.Finding` wants it.
    """
    content = read_bytes(path, most_bytes)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"It is not JSON: {_line(error)}.") from error


def read_bytes(path: Path, most_bytes: int = MAX_ANNOTATION_BYTES) -> bytes:
    """Read a regular file of bounded size.

    Raises:
        DataError: As :func:`read_json`.
    """
    try:
        if not path.is_file():
            raise DataError("It is not a file." if path.exists() else "It does not exist.")
        with path.open("rb") as file:
            large = os.fstat(file.fileno()).st_size > most_bytes
            content = b"" if large else file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        raise DataError(f"It cannot be read: {_line(error)}.") from error
    if large or len(content) > most_bytes:
        raise DataError(f"It is larger than {most_bytes // 2**20} MiB.")
    return content


def list_annotations(folder: Path, suffix: str) -> list[Path]:
    """List the files directly inside a folder whose names end in ``suffix``, sorted by name, hidden ones left out.

    A folder that is not there has none.

    Raises:
        DataError: The folder cannot be read, or holds more than ``MAX_FILES`` files.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(suffix) and not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"'{folder}' cannot be read: {_line(error)}.", "Check its permissions.") from error
    if len(names) > MAX_FILES:
        raise DataError(f"'{folder}' holds more than {MAX_FILES:,} files.", "Give the folder of the data set.")
    return [folder / name for name in sorted(names)]


def require_layout(root: Path | str | None, expected: Sequence[str], what: str, remedy: str) -> Path:
    """Return the folder of a data set, if anything of its layout is there.

    Args:
        root: The folder given.
        expected: Files or folders below it, with forward slashes; one of them has to be there.
        what: The data set's name for people, such as ``SPair-71k``.
        remedy: Where to get it: licence, archive, command.

    Raises:
        DataError: No folder is given, it is none, or nothing expected is in it.
    """
    if root is None:
        raise DataError(f"{what} needs the folder with its files.", remedy)
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"The folder of {what}, '{folder}', is not there.", remedy)
    if not any((folder / name).exists() for name in expected):
        wanted = " or ".join(f"'{name}'" for name in expected)
        raise DataError(f"'{folder}' is not {what}: there is no {wanted} in it.", remedy)
    return folder


def inner_path(name: str) -> str:
    """Return a relative path, with forward slashes, that cannot lead out of the folder it is joined to, links aside.

    Raises:
        DataError: It is empty, absolute, has ``..`` in it, or characters that no file name has.
    """
    parts = PurePosixPath(name).parts
    drive = PureWindowsPath(name).drive if os.name == "nt" else ""
    if not parts or name.startswith("/") or ".." in parts or drive or "\0" in name or "\\" in name:
        raise DataError(f"It names the file {name[:200]!r}, which is not a path inside the data set.")
    return "/".join(parts)


def finite(value: object) -> float:
    """Return a JSON number as float.

    Raises:
        DataError: It is not a number, or not finite.
    """
    if type(value) not in (int, float):
        raise DataError(f"It has {_shown(value)} where a number belongs.")
    try:
        number = float(cast("float", value))
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DataError(f"It has {_shown(value)} where a finite number belongs.")
    return number


def finite_list(value: object, count: int | None = None) -> tuple[float, ...]:
    """Return a JSON list of numbers, of a given length if one is given.

    Raises:
        DataError: It is no such list.
    """
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or (count is not None and len(items) != count):
        raise DataError(f"It has {_shown(items or value)} where {'' if count is None else f'{count} '}numbers belong.")
    return tuple(map(finite, items))


def _shown(value: Any) -> str:
    text = repr(value)[:60]
    return text if len(text) < 60 else f"{text}…"


def _line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".")
