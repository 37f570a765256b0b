"""Any data set as a folder of ``pairs.json`` and images, which :mod:`visionlaw.datasets.folder` reads again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from visionlaw.atomic import PREFIX
from visionlaw.correspondence.pairs import check_pair
from visionlaw.datasets.folder import FILE, MOST_BYTES, SCHEMA, VERSION
from visionlaw.errors import DataError
from visionlaw.features.pixels import to_rgb
from visionlaw.protocols import CorrespondenceDataset, ImageRef, Pair

IMAGES = "images"


@dataclass(frozen=True)
class Made:
    """What has been written.

    Attributes:
        pairs: How many pairs.
        images: How many different images, by their pixels.
        digest: SHA-256 of ``pairs.json``; it names the images by their content, so that it stands for the whole.
    """

    pairs: int
    images: int
    digest: str


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


def make_folder(
    dataset: CorrespondenceDataset,
    out: Path,
    made_from: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = _silent,
) -> Made:
    """Write a data set as a folder, whole or not at all; the same data set gives the same bytes.

    Images are PNG, each written once however many pairs show it, and named by their content; the same versions of
    Pillow and zlib write the same PNG.

    Args:
        dataset: What is written.
        out: The folder; it must not exist, or be empty.
        made_from: What the data set is, such as its id and version, for the reader of ``pairs.json``.
        progress: Called as ``progress(done, total)`` with numbers of pairs.

    Raises:
        DataError: There is something at ``out``, a pair is malformed, an id is there twice, an image cannot be loaded,
            the folder cannot be written to, or the disk is full.
    """
    refuse_occupied(out)
    building = out.with_name(PREFIX + os.urandom(8).hex())
    try:
        with _writing(out):
            (building / IMAGES).mkdir(parents=True)
        made = _fill(building, out, dataset, dict(made_from or {}), progress)
        with _writing(out):
            if out.exists():
                out.rmdir()
            building.rename(out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return made


def refuse_occupied(out: Path) -> None:
    """Check that a folder can be made.

    Raises:
        DataError: There is a file, or a folder with something in it; or the folder is not named, as ``.`` and ``..``.
    """
    if out.name in ("", ".."):
        raise DataError(f"'{out}' is no name for a new folder.", "Name a folder that does not exist, or is empty.")
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise DataError(f"There is something at '{out}' already.", "Name a folder that does not exist, or is empty.")


@contextmanager
def _writing(out: Path) -> Generator[None]:
    """Tell what the file system refuses from what the data set's own code does."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"'{out}' cannot be written: {error.strerror or error}.", "Free some space, or name another folder."
        ) from error


def _fill(
    folder: Path,
    out: Path,
    dataset: CorrespondenceDataset,
    made_from: dict[str, str],
    progress: Callable[[int, int], None],
) -> Made:
    images = _Images(folder, out)
    lines: list[str] = []
    ids: set[str] = set()
    size = 0
    total = len(dataset)
    for pair in dataset:
        check_pair(pair)
        if pair.id in ids:
            raise DataError(f"Two pairs have the id '{pair.id}'.", "Mend the data set.")
        ids.add(pair.id)
        lines.append(_json(_plain(pair, images), pair.id))
        size += len(lines[-1])  # JSON is written in ASCII
        if size > MOST_BYTES - 2**20:  # what is left is more than the head and the ends of lines need
            raise DataError(
                f"'{out}': {FILE} would be larger than the {MOST_BYTES // 2**20} MiB that are read.",
                "Make a folder of fewer pairs.",
            )
        progress(len(lines), total)
    head = _json({"format": SCHEMA, "made_from": made_from, "version": VERSION}, "made_from")
    content = f'{head[:-1]},"pairs":[\n' + ",\n".join(lines) + "\n]}\n"
    with _writing(out):
        (folder / FILE).write_text(content, encoding="utf-8", newline="\n")
    files = {name for name, _ in images.written.values()}
    return Made(len(lines), len(files), hashlib.sha256(content.encode()).hexdigest())


class _Images:
    """The images of a folder that is being written.

    Attributes:
        written: By key: the file's name below the folder, and the image's (W, H).
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self._folder = folder
        self._out = out
        self.written: dict[str, tuple[str, tuple[int, int]]] = {}

    def write(self, ref: ImageRef) -> tuple[str, tuple[int, int]]:
        """Write an image unless it is there, and return its name and size."""
        if ref.key not in self.written:
            image = to_rgb(ref.load(), ref.key)
            pixels = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
            name = f"{IMAGES}/{pixels[:32]}.png"
            if not (self._folder / name).exists():
                image.info.clear()
                with _writing(self._out):
                    image.save(self._folder / name, "PNG", compress_level=6)
            self.written[ref.key] = name, image.size
        return self.written[ref.key]


def _plain(pair: Pair, images: _Images) -> dict[str, Any]:
    (source, source_size), (target, target_size) = images.write(pair.source), images.write(pair.target)
    values: dict[str, Any] = {
        "id": pair.id,
        "source": source,
        "target": target,
        "source_size": source_size,
        "target_size": target_size,
        "source_points": np.asarray(pair.source_points, dtype=np.float64).tolist(),
        "target_points": np.asarray(pair.target_points, dtype=np.float64).tolist(),
        "size": np.asarray(pair.size, dtype=np.float64).tolist(),
    }
    if pair.category:
        values["category"] = pair.category
    if pair.attributes:
        values["attributes"] = dict(pair.attributes)
    if pair.instances is not None and len(pair.instances.keypoint):
        found = pair.instances
        rows = zip(found.keypoint.tolist(), found.points.tolist(), found.size.tolist(), strict=True)
        values["instances"] = [[keypoint, *point, size] for keypoint, point, size in rows]
    return values


def _json(values: dict[str, Any], what: str) -> str:
    try:
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_scalar)
    except (TypeError, ValueError) as error:
        raise DataError(f"'{what}' has a value that JSON does not have: {error}.", "Mend the data set.") from error


def _scalar(value: Any) -> Any:
    """Return a numpy scalar as Python's own."""
    if isinstance(value, np.integer | np.floating):
        return cast("np.integer[Any] | np.floating[Any]", value).item()
    raise TypeError(f"{type(value).__name__} is not a value of JSON")
