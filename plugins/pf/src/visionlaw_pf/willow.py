"""PF-WILLOW: one table with the ten keypoints of both images of each pair."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.once import ReadOnce
from visionlaw.datasets.records import PairRecord, Point
from visionlaw.errors import DataError
from visionlaw.features.images import image_size
from visionlaw.protocols import Finding
from visionlaw.specs import DatasetSpec
from visionlaw_pf.keypoints import from_matlab
from visionlaw_pf.tables import Place, find_place, last_parts, read_table

FORMAT = 1
ARCHIVE = "PF-dataset"
TABLES = ("test_pairs.csv", "test_pairs_pf.csv")
KEYPOINTS = 10
COLUMNS = 2 + 4 * KEYPOINTS
URL = "https://www.di.ens.fr/willow/research/proposalflow/dataset/PF-dataset.zip"
REMEDY = (
    "Give the folder 'PF-dataset' of PF-dataset.zip (no licence stated) with the table of pairs in it: "
    f"curl -LO {URL} && unzip PF-dataset.zip; visionlaw-pf's README says where the table is."
)


def build(spec: DatasetSpec, root: Path | None = None) -> AnnotatedPairs:
    """Return PF-WILLOW.

    Args:
        spec: The spec that names this function.
        root: The folder ``PF-dataset`` with the table of pairs in it, or the one that holds both.

    Raises:
        DataError: The folder is not PF-WILLOW.
    """
    folder, place = find_place(root, ARCHIVE, TABLES, "car(G)", "PF-WILLOW", REMEDY)
    reader = partial(read_willow, place=place)
    # The images lie in the folders of the categories, and their sizes are read: all of the folder counts.
    return AnnotatedPairs(folder, reader, name=spec.id, format=FORMAT, annotations=(place.table, place.base or "."))


def read_willow(root: Path, place: Place) -> Iterator[PairRecord | Finding]:
    """Read the pairs of the table, in its order."""
    images = ReadOnce(root, image_size, "The image")
    try:
        lines = read_table(root / place.table)
        header = next(lines, (0, []))[1]
        if len(header) != COLUMNS or _is_number(header[2]):
            raise DataError(f"Its first line is not a header of {COLUMNS} columns: two images, and their keypoints.")
        for number, cells in lines:
            try:
                record = _parse_line(cells, place.base)
            except DataError as error:
                yield Finding("unreadable", f"{place.table}:{number}", error.message)
                continue
            yield from images.look(record.source, record.target)
            source_size, target_size = images.get(record.source), images.get(record.target)
            if source_size is not None and target_size is not None:
                yield replace(record, source_size=source_size, target_size=target_size)
    except DataError as error:
        yield Finding("unreadable", place.table, error.message)


def _parse_line(cells: Sequence[str], base: str) -> PairRecord:
    """Return the pair of a line, without the images' sizes.

    Raises:
        DataError: The line is not that of a pair.
    """
    if len(cells) != COLUMNS:
        raise DataError(f"The line has {len(cells)} cells, not {COLUMNS}.")
    (category, source), (in_category, target) = last_parts(cells[0], 2), last_parts(cells[1], 2)
    if category != in_category:
        raise DataError(f"Its images are of '{category}' and '{in_category}', not of one category.")
    in_source, in_target = _points(cells[2 : 2 + 2 * KEYPOINTS]), _points(cells[2 + 2 * KEYPOINTS :])
    both = [(p, q) for p, q in zip(in_source, in_target, strict=True) if p is not None and q is not None]
    if not both:
        raise DataError("No keypoint can be seen in both images.")
    target_points = tuple(q for _, q in both)
    return PairRecord(
        id=f"{Path(source).stem}-{Path(target).stem}:{category}",
        source=f"{base}{category}/{source}",
        target=f"{base}{category}/{target}",
        source_points=tuple(p for p, _ in both),
        target_points=target_points,
        size=max(max(axis) - min(axis) for axis in zip(*target_points, strict=True)),
        category=category,
        attributes={"object": category.partition("(")[0]},
    )


def _points(cells: Sequence[str]) -> list[Point | None]:
    """Return the positions of ten x and then ten y; None for a keypoint that cannot be seen."""
    values = [_number(cell) for cell in cells]
    return [
        None if math.isnan(x) or math.isnan(y) else from_matlab(x, y)
        for x, y in zip(values[:KEYPOINTS], values[KEYPOINTS:], strict=True)
    ]


def _number(cell: str) -> float:
    if not cell:
        return math.nan
    if not _is_number(cell):
        raise DataError(f"It has '{cell[:100]}' where a number belongs.")
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
