"""The folders of HPatches: of each sequence the reference image 1.ppm with each of the five others.

Images are not decoded: their headers tell the sizes, which decide which points both images show.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from visionlaw.datasets.reading import list_annotations
from visionlaw.datasets.records import PairRecord
from visionlaw.errors import DataError
from visionlaw.features.images import image_size
from visionlaw.protocols import Finding
from visionlaw_hpatches.homography import BadHomographyError, apply, check_homography, read_homography
from visionlaw_hpatches.points import COUNT, reference_points

KINDS = {"i": "illumination", "v": "viewpoint"}
STEPS = range(2, 7)
FEWEST = 4
"""Pairs that share fewer of the 64 points cannot tell much, and hint at a homography of another pair."""

Size = tuple[int, int]


def sequences(root: Path, split: str = "all") -> tuple[str, ...]:
    """Return the names of the sequences below a folder, sorted.

    A folder ``i_…`` or ``v_…`` is one when it holds 1.ppm or a homography; the patches' release has neither.

    Args:
        root: The folder.
        split: ``i``, ``v`` or ``all``.

    Raises:
        DataError: The folder cannot be read.
    """
    starts = {f"{letter}_" for letter in (KINDS if split == "all" else (split,))}
    folders = list_annotations(root, "")
    return tuple(path.name for path in folders if path.name[:2] in starts and _is_sequence(path))


def read_sequences(root: Path, split: str = "all") -> Iterator[PairRecord | Finding]:
    """Read the pairs of all sequences, in the order of their names, and what is wrong with their files.

    A record is (1.ppm, k.ppm), k from 2 to 6: those of the 64 reference points that k.ppm shows as well. ``size``
    is the longer side of k.ppm; ``category`` is the sequence; attributes are ``kind`` and ``step`` (k).

    Args:
        root: The folder that holds the sequences.
        split: ``i``, ``v`` or ``all``.
    """
    for name in sequences(root, split):
        reference = _size_of(root, f"{name}/1.ppm")
        if isinstance(reference, Finding):
            yield reference
            continue
        for step in STEPS:
            yield from _read_pair(root, name, step, reference)


def _read_pair(root: Path, name: str, step: int, reference: Size) -> Iterator[PairRecord | Finding]:
    target = _size_of(root, f"{name}/{step}.ppm")
    if isinstance(target, Finding):
        yield target
        return
    where = f"{name}/H_1_{step}"
    try:
        matrix = read_homography(root / where)
        check_homography(matrix, reference, target)
    except FileNotFoundError:
        yield Finding("missing", where, f"The homography '{where}' does not exist.")
        return
    except OSError as error:
        yield Finding("unreadable", where, f"'{where}' cannot be read: {error.strerror or error}.")
        return
    except BadHomographyError as error:
        yield Finding("unreadable", where, f"'{where}' {error}.")
        return
    source_points = reference_points(reference)
    target_points = apply(matrix, source_points)
    seen = np.all((target_points >= 0) & (target_points <= np.array(target) - 1), axis=1)
    if seen.sum() < FEWEST:
        message = f"'{where}' leaves {seen.sum()} of {COUNT} points of 1.ppm inside {step}.ppm, not {FEWEST}."
        yield Finding("inconsistent", where, message)
        return
    yield PairRecord(
        id=f"{name}/1_{step}",
        source=f"{name}/1.ppm",
        target=f"{name}/{step}.ppm",
        source_points=tuple((float(x), float(y)) for x, y in source_points[seen]),
        target_points=tuple((float(x), float(y)) for x, y in target_points[seen]),
        size=float(max(target)),
        category=name,
        attributes={"kind": KINDS[name[0]], "step": step},
        source_size=reference,
        target_size=target,
    )


def _is_sequence(folder: Path) -> bool:
    return (folder / "1.ppm").exists() or any(folder.glob("H_1_*"))


def _size_of(root: Path, name: str) -> Size | Finding:
    if not (root / name).exists():
        return Finding("missing", name, f"The image '{name}' does not exist.")
    try:
        return image_size(root / name)
    except DataError as error:
        return Finding("unreadable", name, error.message.replace(str(root / name), name))
