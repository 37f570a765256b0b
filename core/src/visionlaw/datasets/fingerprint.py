"""Whether annotation files are still what they were: their names, sizes and times. Imports no torch, no numpy."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from visionlaw.datasets.reading import MAX_FILES
from visionlaw.errors import DataError

State = tuple[str, int, int]
"""A file's path below the folder, its size, and the time of its last change in ns."""


def fingerprint(root: Path, annotations: Sequence[str]) -> str:
    """Return a digest of the names, sizes and times of files; it changes whenever one of them does.

    Args:
        root: The data set's folder.
        annotations: Files, or folders with all that is below them, relative to ``root``; they need not be there.

    Raises:
        DataError: A folder cannot be read, or there are more than ``MAX_FILES`` files.
    """
    states: list[State] = []
    for name in annotations:
        for state in _states(root / name, name):
            states.append(state)
            if len(states) > MAX_FILES:
                raise DataError(f"'{root / name}' holds too many files.", "Give the folder of the data set.")
    text = "\n".join(f"{name!r} {size} {changed}" for name, size, changed in sorted(states))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _states(path: Path, name: str) -> Iterator[State]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        yield name, -1, -1
        return
    if not path.is_dir():
        yield name, status.st_size, status.st_mtime_ns
        return
    yield from _below(str(path), name)


def _below(folder: str, name: str) -> Iterator[State]:
    """Walk a folder; one that several links lead to is walked once, and of the others it is told where they lead."""
    walked: set[str] = set()
    waiting = [(folder, name)]
    while waiting:
        folder, name = waiting.pop()
        real = os.path.realpath(folder)
        if real in walked:
            yield f"{name} -> {real}", -1, -1
            continue
        walked.add(real)
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"'{folder}' cannot be read: {error.strerror}.", "Check its permissions.") from error
        for entry in found:
            below = f"{name}/{entry.name}"
            if entry.is_dir():
                waiting.append((entry.path, below))
                continue
            try:
                status = entry.stat()
            except OSError:  # a link to nothing
                yield below, -1, -1
            else:
                yield below, status.st_size, status.st_mtime_ns
