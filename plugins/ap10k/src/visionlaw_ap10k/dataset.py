"""The pairs: two animals and the keypoints that are labelled of both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.once import ReadOnce
from visionlaw.datasets.reading import list_annotations, read_json, require_layout
from visionlaw.datasets.records import PairRecord
from visionlaw.errors import DataError, did_you_mean
from visionlaw.protocols import Finding
from visionlaw.specs import DatasetSpec
from visionlaw_ap10k.animals import ANNOTATIONS, Animal, Name, parse_name, read_animal
from visionlaw_ap10k.plugin import ALL, SPLITS

FORMAT = 1
PAIRS = "PairAnnotation"
FEWEST = 3
"""Keypoints that the benchmark asks of a pair."""
REMEDY = (
    "Unpack ap-10k.zip (CC-BY-4.0) of https://github.com/AlexTheBad/AP-10K and make the pairs with "
    "prepare_ap10k.ipynb of https://github.com/Junyi42/GeoAware-SC; visionlaw-ap10k's README has the commands."
)


def build(spec: DatasetSpec, root: Path | None = None, split: str = "test", category: str = ALL) -> AnnotatedPairs:
    """Return a split of the benchmark, or one category of it.

    Args:
        spec: The spec that names this function.
        root: The folder ``ap-10k`` with ``PairAnnotation``, ``ImageAnnotation`` and ``JPEGImages``.
        split: ``trn``, ``val`` or ``test``; ``val_cross_species``, ``test_cross_species``, ``val_cross_family`` or
            ``test_cross_family``.
        category: ``all``, or what stands behind the colon of the pairs' names, ``_`` or a space between words.

    Raises:
        DataError: There is no such split or category, or the folder is not the benchmark.
    """
    if split not in SPLITS:
        raise DataError(f"AP-10K has no split '{split}'.", f"Use {', '.join(SPLITS)}.")
    folder = require_layout(root, [f"{PAIRS}/{split}"], f"AP-10K's benchmark ({split})", REMEDY)
    wanted = category.replace("_", " ")
    if wanted != ALL:
        known = {_category(path) or "" for path in _pair_files(folder, split)} - {""}
        if wanted not in known:
            raise DataError(
                f"AP-10K has no pairs of '{wanted}' in '{split}'.",
                did_you_mean(wanted, known) or f"It has {', '.join(sorted(known)) or 'none'}.",
            )
    return AnnotatedPairs(
        folder,
        partial(read_ap10k, split=split, category=wanted),
        name=f"{spec.id}?category={wanted.replace(' ', '_')}&split={split}",
        format=FORMAT,
        annotations=(f"{PAIRS}/{split}", ANNOTATIONS),
    )


def read_ap10k(root: Path, split: str, category: str = ALL) -> Iterator[PairRecord | Finding]:
    """Read the pairs of a split, sorted by the names of their files."""
    animals = ReadOnce(root, read_animal, "The annotation")
    for path in _pair_files(root, split):
        shown = _category(path)
        where = f"{PAIRS}/{split}/{path.name}"
        if shown is None:
            yield Finding("unreadable", where, "Its name does not end in a colon and a category.")
        elif category in (ALL, shown):
            try:
                names = _read_names(path)
            except DataError as error:
                yield Finding("unreadable", where, error.message)
                continue
            yield from _read_pair(path.stem, shown, names, animals)


def _pair_files(root: Path, split: str) -> list[Path]:
    return list_annotations(root / PAIRS / split, ".json")


def _category(path: Path) -> str | None:
    _, colon, category = path.stem.rpartition(":")
    return category if colon and category else None


def _read_names(path: Path) -> tuple[Name, Name]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError("It is not a JSON object.")
    fields = cast("dict[str, Any]", content)
    return parse_name(fields.get("src_json_path")), parse_name(fields.get("trg_json_path"))


def _read_pair(
    id_: str, category: str, names: tuple[Name, Name], animals: ReadOnce[Animal]
) -> Iterator[PairRecord | Finding]:
    source_name, target_name = names
    yield from animals.look(source_name.annotation, target_name.annotation)
    source, target = animals.get(source_name.annotation), animals.get(target_name.annotation)
    if source is None or target is None:
        return
    marks = zip(source.keypoints, target.keypoints, strict=True)
    both = [(p, q) for p, q in marks if p is not None and q is not None]
    if len(both) < FEWEST:
        message = f"Of {len(both)} keypoints both animals are labelled; the benchmark asks for {FEWEST}."
        yield Finding("inconsistent", id_, message)
        return
    yield PairRecord(
        id=id_,
        source=source_name.image,
        target=target_name.image,
        source_points=tuple(p for p, _ in both),
        target_points=tuple(q for _, q in both),
        size=target.side,
        category=category,
        attributes={
            "relation": _relation(source_name, target_name),
            "source_family": source_name.family,
            "target_family": target_name.family,
        },
        source_size=source.size,
        target_size=target.size,
    )


def _relation(source: Name, target: Name) -> str:
    if source.family != target.family:
        return "two families"
    return "one species" if source.species == target.species else "one family"
