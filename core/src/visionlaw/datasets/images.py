"""The image files of a data set, by digest: read once, recognised afterwards by size and time. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets import cachefolder
from visionlaw.errors import DataError
from visionlaw.features.images import image_ref, load_image
from visionlaw.protocols import Finding, ImageRef

_THREADS = 8
_VALID = "1"

State = tuple[int, int, str]
"""Size in bytes, time of the last change in ns, key."""


@dataclass(frozen=True)
class ImageFile:
    """An image file that is there.

    Attributes:
        path: Where it is.
        ref: Refers to it by its content.
    """

    path: Path
    ref: ImageRef


def read_images(root: Path, names: Iterable[str]) -> tuple[dict[str, ImageFile], list[Finding]]:
    """Refer to image files by their content; digests are kept between runs for files of the same size and time.

    Args:
        root: The data set's folder, resolved.
        names: Paths below it.

    Returns:
        The files that can be read, by name, and what is wrong with the others.
    """
    key = cachefolder.key_of("images", str(root))
    kept = _states(cachefolder.load(key, _VALID))
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor(_THREADS, "visionlaw-digest") as pool:
        looked = list(pool.map(partial(_look, root), wanted, map(kept.get, wanted)))
    files: dict[str, ImageFile] = {}
    states: dict[str, State] = {}
    findings: list[Finding] = []
    for name, result in zip(wanted, looked, strict=True):
        if isinstance(result, Finding):
            findings.append(result)
        else:
            files[name], states[name] = result
    if any(kept.get(name) != state for name, state in states.items()):
        cachefolder.save(key, _VALID, kept | states)
    return files, findings


def _look(root: Path, name: str, kept: State | None) -> tuple[ImageFile, State] | Finding:
    path = root / name
    try:
        if not path.resolve().is_relative_to(root):
            return Finding("unreadable", name, "It is a link that leads out of the data set's folder.")
        status = path.stat()
    except FileNotFoundError:
        return Finding("missing", name, "The image is not there.")
    except (OSError, ValueError) as error:
        return Finding("unreadable", name, f"The image cannot be read: {getattr(error, 'strerror', None) or error}.")
    now = status.st_size, status.st_mtime_ns
    if kept is not None and kept[:2] == now and os.access(path, os.R_OK):
        return ImageFile(path, ImageRef(kept[2], partial(load_image, path))), kept
    try:
        ref = image_ref(path)
    except DataError as error:
        return Finding("unreadable", name, error.message)
    return ImageFile(path, ref), (*now, ref.key)


def _states(content: Any) -> dict[str, State]:
    if not isinstance(content, dict):
        return {}
    found: dict[str, State] = {}
    for name, state in cast("dict[str, Any]", content).items():
        match state:
            case [int(size), int(changed), str(key)]:
                found[name] = (size, changed, key)
            case _:
                pass
    return found
