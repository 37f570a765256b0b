"""One image on its way into the engine: a name, and how to get at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.features.images import encoded_ref, read_image
from visionlaw.protocols import ImageRef


@dataclass(frozen=True)
class Source:
    """An image that is read on demand.

    Attributes:
        name: A file's path as it was given, below a folder the path relative to it with ``/``; a shard's name, ``/``
            and the member; otherwise the name given with the image, or its place, ``image-000012``. Always valid UTF-8.
        open: Reads the image once and returns the reference that decodes it, keyed by its content. It raises
            :class:`~visionlaw.errors.DataError` for an image that cannot be had, as does the reference's ``load``.
            Slow, and meant for a worker thread.
    """

    name: str
    open: Callable[[], ImageRef] = field(compare=False)


def file_source(name: str, path: Path) -> Source:
    """Return the source of an image file."""
    return Source(printable(name), partial(_open_file, path))


def encoded_source(name: str, content: bytes) -> Source:
    """Return the source of an encoded image that is in memory already."""
    name = printable(name)
    return Source(name, partial(encoded_ref, content, name))


def bad_source(name: str, error: DataError) -> Source:
    """Return a source that cannot be opened, in its place among the others."""
    return Source(printable(name), partial(_refuse, error))


def numbered(position: int) -> str:
    """Return the name of an image that has none, from its place in the stream, counted from zero."""
    return f"image-{position:06d}"


def printable(name: str) -> str:
    """Return a name that can be encoded as UTF-8, whatever bytes a file system or an archive has in it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _open_file(path: Path) -> ImageRef:
    return encoded_ref(read_image(path), str(path))


def _refuse(error: DataError) -> ImageRef:
    raise error
