"""Writing a file in full or not at all, whatever happens to the process meanwhile.

A writer that is killed can leave its unfinished file behind; :func:`sweep` removes such leftovers once no living
writer can be at work on them any more.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

PREFIX = ".writing-"
ABANDONED_SECONDS = 3600


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file by way of a temporary one in the same folder; a reader sees the old content or the new.

    The folder is made where it is missing; the file's permissions are those that the process gives new files. Nothing
    is forced to the disk: after a power cut the file may be the old one, or damaged.

    Args:
        path: The file; replaced when it is there.
        data: Its content.

    Returns:
        ``path``.

    Raises:
        OSError: The folder cannot be made or written to, or the disk is full. Its ``filename`` is ``path``; the old
            content is as it was and nothing new is left behind.
    """
    with writing(path) as file:
        file.write(data)
    return path


@contextlib.contextmanager
def writing(path: Path) -> Generator[BinaryIO]:
    """Open a file that becomes ``path`` once the block has ended well, and vanishes if it has not.

    For content that is too long to be held in memory; otherwise, and in what it raises, as :func:`write_bytes`.
    """
    temporary = path.with_name(PREFIX + os.urandom(8).hex())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def sweep(folder: Path) -> None:
    """Remove what killed writers left directly in a folder an hour ago or longer; failures are passed over."""
    oldest = time.time() - ABANDONED_SECONDS
    for leftover in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime < oldest:
                leftover.unlink()
