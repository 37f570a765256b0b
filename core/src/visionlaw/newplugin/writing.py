"""A tree of files on the disk, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from visionlaw.atomic import PREFIX
from visionlaw.errors import ConfigError


def write_all(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a new folder: it is there with all of them, or not at all, also when the process is killed.

    Args:
        folder: What does not exist, or is an empty folder; what it lies in is made where it is missing.
        files: Path, with ``/`` → text, written in UTF-8.

    Raises:
        ConfigError: There is something at ``folder``, or it cannot be written.
    """
    target = folder.absolute()
    _refuse_occupied(folder, target)
    building = target.with_name(PREFIX + os.urandom(8).hex())
    try:
        for name, text in files.items():
            path = building / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            target.rmdir()
        building.rename(target)
    except OSError as error:
        raise ConfigError(
            f"'{folder}' cannot be written: {error.strerror or error}.", "Name another folder with --into FOLDER."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _refuse_occupied(folder: Path, target: Path) -> None:
    remedy = "Name one that does not exist, or is empty: --into FOLDER"
    if target.name in ("", ".."):
        raise ConfigError(f"'{folder}' is no name for a new folder.", remedy)
    try:
        occupied = target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir())))
    except OSError as error:
        raise ConfigError(f"'{folder}' cannot be read: {error.strerror or error}.", remedy) from error
    if occupied:
        raise ConfigError(f"There is something at '{folder}' already.", remedy)
