"""How much a folder holds, and how much is free on its volume; in a bounded time."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from visionlaw.doctor.section import size_text

SECONDS = 2.0


@dataclass(frozen=True)
class Held:
    """What a folder holds.

    Attributes:
        bytes: Of all files in it and below; a link counts as itself.
        complete: Whether all of it could be seen in time; otherwise it holds more.
        exists: Whether there is such a folder.
    """

    bytes: int
    complete: bool
    exists: bool

    def __str__(self) -> str:
        if not self.exists:
            return "not there yet"
        return size_text(self.bytes) if self.complete else f"more than {size_text(self.bytes)}"


def measure(folder: Path, seconds: float = SECONDS) -> Held:
    """Add up the files below a folder, for so many seconds at most."""
    end = time.monotonic() + seconds
    total, waiting = 0, [str(folder)]
    while waiting:
        if time.monotonic() > end:
            return Held(total, complete=False, exists=True)
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # somebody removes it meanwhile
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
    return Held(total, complete=True, exists=folder.is_dir())


def nearest(path: Path) -> Path:
    """Return the folder itself, or the nearest one upwards that exists."""
    path = path.absolute()
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path(path.anchor))
