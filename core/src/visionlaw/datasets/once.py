"""Files that several pairs share: each is read once, and what is wrong with it is told once. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from visionlaw.errors import DataError
from visionlaw.protocols import Finding

T = TypeVar("T")


class ReadOnce(Generic[T]):
    """What a reader of annotations takes from the files of single images, which many pairs share.

    A reader yields what :meth:`look` finds before it makes a pair of what :meth:`get` returns::

        yield from animals.look(source, target)
        if (animal := animals.get(source)) is not None: …

    Args:
        root: The data set's folder.
        read: Reads a file; raises :class:`DataError` with a sentence that does not name it, or by its whole path, which
            becomes that below ``root``.
        what: What the files hold, as the subject of a sentence: ``The image``.
    """

    def __init__(self, root: Path, read: Callable[[Path], T], what: str) -> None:
        self._root = root
        self._read = read
        self._what = what
        self._known: dict[str, T | None] = {}

    def look(self, *names: str) -> Iterator[Finding]:
        """Read files below the folder that have not been read yet, and yield what is wrong with them."""
        for name in names:
            if name in self._known:
                continue
            self._known[name] = None
            path = self._root / name
            try:
                if not path.exists():
                    yield Finding("missing", name, f"{self._what} is not there.")
                    continue
                self._known[name] = self._read(path)
            except OSError as error:  # such as a name that is too long
                yield Finding("unreadable", name, f"{self._what} cannot be read: {error.strerror or error}.")
            except DataError as error:
                yield Finding("unreadable", name, error.message.replace(str(path), name))

    def get(self, name: str) -> T | None:
        """Return what a file holds that was looked at; None if it could not be read."""
        return self._known[name]
