"""The pairs of a split, each joined with the annotations of its images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from visionlaw.datasets.once import ReadOnce
from visionlaw.datasets.reading import inner_path, list_annotations, read_bytes, read_json
from visionlaw.datasets.records import PairRecord
from visionlaw.errors import DataError
from visionlaw.protocols import Finding
from visionlaw_spair.annotations import Box, ImageNote, PairNote, image_note, pair_note

MOST_LAYOUT_BYTES = 64 * 2**20


def read_spair(root: Path, split: str, layout: str, category: str) -> Iterator[PairRecord | Finding]:
    """Read the pairs of a split in the order of its layout file.

    Keypoints are those that both images' own annotations show, in the order of their slots, as the published scores
    take them; where the pair's annotation says otherwise, that is a finding and the images' annotations hold. α
    multiplies the longer side of the target's box.

    Args:
        root: The folder ``SPair-71k``.
        split: ``trn``, ``val`` or ``test``.
        layout: ``large`` or ``small``.
        category: One category, or ``all``.
    """
    listed = f"Layout/{layout}/{split}.txt"
    try:
        stems = read_bytes(root / listed, MOST_LAYOUT_BYTES).decode().split()
    except (DataError, UnicodeDecodeError) as error:
        message = error.message if isinstance(error, DataError) else "It is not text in UTF-8."
        missing = not (root / listed).exists()
        yield Finding("missing" if missing else "unreadable", listed, message)
        if layout == "small":
            return
        stems = [path.stem for path in list_annotations(root / "PairAnnotation" / split, ".json")]
    images = ReadOnce(root, _read_image, "The annotation")
    for stem in stems:
        if category in ("all", stem.rpartition(":")[2]):
            yield from _read_pair(root, split, stem, images)


def _read_image(path: Path) -> ImageNote:
    return image_note(read_json(path))


def _read_pair(root: Path, split: str, stem: str, images: ReadOnce[ImageNote]) -> Iterator[PairRecord | Finding]:
    name = f"PairAnnotation/{split}/{stem}.json"
    try:
        pair = pair_note(read_json(root / inner_path(name)))
        shown = [
            inner_path(f"ImageAnnotation/{pair.category}/{PurePosixPath(image).stem}.json") for image in pair.images
        ]
    except DataError as error:
        yield _unread(root, name, error)
        return
    yield from images.look(*shown)
    source, target = map(images.get, shown)
    if source is None or target is None:
        yield Finding("inconsistent", name, "The annotation of one of its images cannot be read; it is left out.")
        return
    yield from _contradictions(name, stem, pair, (source, target))
    shared = [slot for slot in source.keypoints if slot in target.keypoints]
    left, top, right, bottom = pair.boxes[1]
    folder = f"JPEGImages/{pair.category}"
    yield PairRecord(
        id=stem,
        source=f"{folder}/{pair.images[0]}",
        target=f"{folder}/{pair.images[1]}",
        source_points=tuple(source.keypoints[slot] for slot in shared),
        target_points=tuple(target.keypoints[slot] for slot in shared),
        size=max(right - left, bottom - top),
        category=pair.category,
        attributes=pair.attributes,
        source_size=source.size,
        target_size=target.size,
    )


def _unread(root: Path, name: str, error: DataError) -> Finding:
    try:
        there = (root / name).exists()
    except (OSError, ValueError):
        there = True
    return Finding("unreadable" if there else "missing", name, error.message)


def _contradictions(name: str, stem: str, pair: PairNote, images: tuple[ImageNote, ImageNote]) -> Iterator[Finding]:
    """Compare what a pair's annotation says with its name and with what the images' annotations say."""
    said: list[str] = []
    if stem.rpartition(":")[2] != pair.category:
        said.append(f"its category is '{pair.category}'")
    shown = set(images[0].keypoints) & set(images[1].keypoints)
    for what, image, size, box, keypoints in zip(
        ("source", "target"), images, pair.sizes, pair.boxes, pair.keypoints, strict=True
    ):
        if size != image.size:
            said.append(f"the {what} is {_by(size)} here and {_by(image.size)} there")
        if box != image.box:
            said.append(f"the {what}'s box is {_shown(box)} here and {_shown(image.box)} there")
        if set(keypoints) != shown:
            other = sorted(shown ^ set(keypoints), key=int)
            said.append(f"the {what}'s keypoints {', '.join(other)} are visible in one of them only")
        moved = [slot for slot in keypoints if slot in shown and keypoints[slot] != image.keypoints[slot]]
        if moved:
            said.append(f"the {what}'s keypoints {', '.join(moved)} are elsewhere")
    if said:
        message = f"It contradicts its name or the images' annotations, which hold: {'; '.join(said)}."
        yield Finding("inconsistent", name, message)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _shown(box: Box) -> str:
    return f"({', '.join(f'{side:g}' for side in box)})"
