"""The image files of a data set, by digest: read once, recognised afterwards by size and time. Imports no torch.

Of each file the header is read as well, so that what is no image is known from the start. Images are not decoded: of a
large data set that takes minutes, and is the work of :mod:`visionlaw.datasets.survey`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets import cachefolder
from visionlaw.errors import DataError
from visionlaw.features.images import check_file, image_ref, load_image
from visionlaw.protocols import Finding, ImageRef

_THREADS = 8
_VALID = "2"  # Counts up whenever what is kept, or what is known of a file that is kept, changes.

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
        The files that have the header of an image, by name, and what is wrong with the others.
    """
    key = cachefolder.key_of("images", str(root))
    kept = _states(cachefolder.load(key, _VALID))
    looked: dict[str, State | Finding | _New] = {}
    inside: dict[str, bool] = {}
    for name in names:
        if name not in looked:
            looked[name] = _look(root, name, kept.get(name), inside)
    new = {name: found for name, found in looked.items() if isinstance(found, _New)}
    with ThreadPoolExecutor(_THREADS, "visionlaw-digest") as pool:
        looked |= zip(new, pool.map(partial(_digest, root), new, new.values()), strict=True)
    states = {name: found for name, found in looked.items() if isinstance(found, tuple)}
    if new:
        cachefolder.save(key, _VALID, kept | states)
    files = {name: _file(root / name, state) for name, state in states.items()}
    return files, [found for found in looked.values() if isinstance(found, Finding)]


def name_pairs(findings: Sequence[Finding], pairs: Iterable[tuple[str, str, str]]) -> list[Finding]:
    """Return findings about images with the pair that shows each, the first if there are several.

    Args:
        findings: Their ``where`` is an image.
        pairs: The id, source and target of every pair.
    """
    users: dict[str, list[str]] = {finding.where: [] for finding in findings}
    for pair, source, target in pairs if findings else ():
        for image in {source, target} & users.keys():
            users[image].append(pair)
    return [_with_pairs(finding, users[finding.where]) for finding in findings]


def _with_pairs(finding: Finding, pairs: Sequence[str]) -> Finding:
    if not pairs:
        return finding
    more = f", and {len(pairs) - 1} more" if len(pairs) > 1 else ""
    return replace(finding, message=f"{finding.message} Pair '{pairs[0]}' shows it{more}.")


@dataclass(frozen=True)
class _New:
    """A file whose digest is not known: its size, and the time of its last change in ns."""

    size: int
    changed: int


def _look(root: Path, name: str, kept: State | None, inside: dict[str, bool]) -> State | Finding | _New:
    """Return the state of a file that is as it was, or what has to be done or said about it.

    Args:
        root: The data set's folder, resolved.
        name: A path below it.
        kept: The state that is known.
        inside: Whether folders are in the data set's folder, links followed, as far as it is known; is added to.
    """
    path = root / name
    folder = name.rpartition("/")[0]
    try:
        if folder not in inside:
            inside[folder] = (root / folder).resolve().is_relative_to(root)
        if not inside[folder] or (path.is_symlink() and not path.resolve().is_relative_to(root)):
            return Finding("unreadable", name, "It is a link that leads out of the data set's folder.")
        status = path.stat()
    except FileNotFoundError:
        return Finding("missing", name, "The image is not there.")
    except (OSError, ValueError, RuntimeError) as error:
        return Finding("unreadable", name, f"The image cannot be read: {getattr(error, 'strerror', None) or error}.")
    same = kept is not None and kept[:2] == (status.st_size, status.st_mtime_ns) and os.access(path, os.R_OK)
    return kept if kept is not None and same else _New(status.st_size, status.st_mtime_ns)


def _digest(root: Path, name: str, new: _New) -> State | Finding:
    path = root / name
    try:
        check_file(path)
        return new.size, new.changed, image_ref(path).key
    except DataError as error:
        return Finding("unreadable", name, error.message.replace(str(path), name))


def _file(path: Path, state: State) -> ImageFile:
    return ImageFile(path, ImageRef(state[2], partial(load_image, path)))


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
