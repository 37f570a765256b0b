"""One writer to a folder: a lock on the folder itself, that leaves no file and ends with its process."""

from __future__ import annotations

import os
from pathlib import Path

from visionlaw.errors import DataError


def claim(folder: Path) -> int | None:
    """Lock a folder against other writers.

    Returns:
        A file descriptor, whose closing ends the lock; None where the system or the file system has no such locks.

    Raises:
        DataError: Another writer has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise DataError(
            f"Features are being written to '{folder}' by another run.", "Wait for it, or write to another folder."
        ) from None
    except OSError:  # some network file systems
        os.close(handle)
        return None
    return handle
