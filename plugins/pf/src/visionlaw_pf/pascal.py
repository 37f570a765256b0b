"""PF-PASCAL: pairs of a list, keypoints of one MATLAB file per image and category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.once import ReadOnce
from visionlaw.datasets.records import PairRecord, Point
from visionlaw.errors import DataError
from visionlaw.features.images import image_size
from visionlaw.protocols import Finding
from visionlaw.specs import DatasetSpec
from visionlaw_pf.keypoints import read_keypoints
from visionlaw_pf.tables import Place, find_place, last_parts, read_table

FORMAT = 1
ARCHIVE = "PF-dataset-PASCAL"
TABLES = {
    "trn": ("trn_pairs.csv", "train_pairs_pf_pascal.csv"),
    "val": ("val_pairs.csv", "val_pairs_pf_pascal.csv"),
    "test": ("test_pairs.csv", "test_pairs_pf_pascal.csv"),
}
CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
HEADER = ("source_image", "target_image", "class")
URL = "https://www.di.ens.fr/willow/research/proposalflow/dataset/PF-dataset-PASCAL.zip"
REMEDY = (
    "Give the folder 'PF-dataset-PASCAL' of PF-dataset-PASCAL.zip (no licence stated; images of PASCAL VOC) with "
    f"the lists of pairs in it: curl -LO {URL} && unzip PF-dataset-PASCAL.zip; visionlaw-pf's README says where the "
    "lists are."
)


@dataclass(frozen=True)
class _Files:
    """The files of single images: (W, H), and the keypoints, None for one that cannot be seen."""

    images: ReadOnce[tuple[int, int]]
    keypoints: ReadOnce[tuple[Point | None, ...]]


def build(spec: DatasetSpec, root: Path | None = None, split: str = "test") -> AnnotatedPairs:
    """Return a split of PF-PASCAL.

    Args:
        spec: The spec that names this function.
        root: The folder ``PF-dataset-PASCAL`` with the lists of pairs in it, or the one that holds both.
        split: ``trn``, ``val`` or ``test``.

    Raises:
        DataError: There is no such split, or the folder is not PF-PASCAL.
    """
    if split not in TABLES:
        raise DataError(f"PF-PASCAL has no split '{split}'.", f"Use {', '.join(TABLES)}.")
    folder, place = find_place(root, ARCHIVE, TABLES[split], "JPEGImages", f"PF-PASCAL ({split})", REMEDY)
    return AnnotatedPairs(
        folder,
        partial(read_pascal, place=place),
        name=f"{spec.id}?split={split}",
        format=FORMAT,
        annotations=(place.table, f"{place.base}Annotations", f"{place.base}JPEGImages"),
    )


def read_pascal(root: Path, place: Place) -> Iterator[PairRecord | Finding]:
    """Read the pairs of a list, in its order, each once.

    The training list repeats pairs, mirrored (``flip`` is 1) and not, so that a loader trains on both; nothing is
    mirrored here, and a repeated pair of a list with that column is passed over.
    """
    files = _Files(ReadOnce(root, image_size, "The image"), ReadOnce(root, read_keypoints, "The annotation"))
    seen: set[str] = set()
    try:
        lines = read_table(root / place.table)
        header = [cell.casefold() for cell in next(lines, (0, []))[1]]
        if tuple(header[:3]) != HEADER:
            raise DataError(f"Its first line does not begin with {','.join(HEADER)}.")
        repeats = "flip" in header
        for number, cells in lines:
            try:
                source, target, category = _parse_line(cells)
            except DataError as error:
                yield Finding("unreadable", f"{place.table}:{number}", error.message)
                continue
            id_ = f"{Path(source).stem}-{Path(target).stem}:{category}"
            if repeats and id_ in seen:
                continue
            seen.add(id_)
            yield from _read_pair(id_, category, (source, target), place.base, files)
    except DataError as error:
        yield Finding("unreadable", place.table, error.message)


def _parse_line(cells: list[str]) -> tuple[str, str, str]:
    """Return the names of the two images, and the category.

    Raises:
        DataError: The line is not that of a pair.
    """
    if len(cells) < len(HEADER):
        raise DataError(f"The line has {len(cells)} cells, not {len(HEADER)} or more.")
    number = int(cells[2]) if cells[2].isdecimal() else 0
    if not 1 <= number <= len(CATEGORIES):
        raise DataError(f"Its class is '{cells[2][:100]}', not a number from 1 to {len(CATEGORIES)}.")
    return last_parts(cells[0], 1)[0], last_parts(cells[1], 1)[0], CATEGORIES[number - 1]


def _read_pair(
    id_: str, category: str, names: tuple[str, str], base: str, files: _Files
) -> Iterator[PairRecord | Finding]:
    source, target = (f"{base}JPEGImages/{name}" for name in names)
    marks = [f"{base}Annotations/{category}/{Path(name).stem}.mat" for name in names]
    yield from files.images.look(source, target)
    yield from files.keypoints.look(*marks)
    source_size, target_size = files.images.get(source), files.images.get(target)
    in_source, in_target = files.keypoints.get(marks[0]), files.keypoints.get(marks[1])
    if source_size is None or target_size is None or in_source is None or in_target is None:
        return
    if len(in_source) != len(in_target):
        message = f"Its images have {len(in_source)} and {len(in_target)} keypoints; the first ones are compared."
        yield Finding("inconsistent", id_, message)
    both = [(p, q) for p, q in zip(in_source, in_target, strict=False) if p is not None and q is not None]
    if not both:
        yield Finding("inconsistent", id_, "No keypoint can be seen in both images.")
        return
    yield PairRecord(
        id=id_,
        source=source,
        target=target,
        source_points=tuple(p for p, _ in both),
        target_points=tuple(q for _, q in both),
        size=float(max(target_size)),
        category=category,
        source_size=source_size,
        target_size=target_size,
    )
