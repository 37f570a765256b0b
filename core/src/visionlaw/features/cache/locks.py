"""Locks on files that the operating system releases when their holder ends, however it dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

POLL_SECONDS = 0.01
_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


def try_lock(path: Path, *, create: bool) -> int | None:
    """Lock a file; return the descriptor that holds the lock, for :func:`unlock`, or None where somebody has it.

    Two descriptors of one process exclude each other as well.

    Args:
        path: The file; its folder exists.
        create: Whether it is made where it is missing.

    Raises:
        OSError: It cannot be opened, or its file system knows no locks.
    """
    file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o666)
    try:
        _lock(file)
    except OSError as error:
        os.close(file)
        if error.errno in _HELD:
            return None
        raise
    return file


def unlock(file: int) -> None:
    """Give a lock up, also for children that this process was forked into meanwhile."""
    _unlock(file)
    os.close(file)


@contextlib.contextmanager
def waiting_lock(path: Path, seconds: float) -> Generator[None]:
    """Hold the lock on a file, made where it is missing, for as long as the block runs.

    Raises:
        TimeoutError: Somebody has kept it for so many seconds.
        OSError: The file cannot be made.
    """
    deadline = time.monotonic() + seconds
    while (file := try_lock(path, create=True)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(None, f"another process has kept '{path.name}' locked for {seconds:.0f} s", str(path))
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        unlock(file)
