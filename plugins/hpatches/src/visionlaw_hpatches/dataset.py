"""The data set ``hpatches``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.reading import list_annotations, require_layout
from visionlaw.errors import DataError
from visionlaw.specs import DatasetSpec
from visionlaw_hpatches.reader import KINDS, read_sequences, sequences

FORMAT = 1  # Counts up whenever the reader's output changes.
REMEDY = (
    "Get hpatches-sequences-release (1.3 GB; MIT) as https://github.com/hpatches/hpatches-dataset says, unpack it, and"
    " give the folder that holds i_ajuntament, v_abstract and the others."
)


def build(spec: DatasetSpec, root: Path | None = None, split: str = "all") -> AnnotatedPairs:
    """Return the data set ``hpatches`` of the sequences in ``root``.

    Args:
        spec: The spec that names this function.
        root: The folder of the sequences, ``hpatches-sequences-release``.
        split: ``i`` (illumination), ``v`` (viewpoint) or ``all``.

    Raises:
        DataError: There is no such split, or ``root`` holds no sequence of it.
    """
    if split not in (*KINDS, "all"):
        raise DataError(f"HPatches has no split '{split}'.", "Use all, i or v.")
    folder = require_layout(root, (".",), "HPatches", REMEDY)
    names = sequences(folder, split)
    if not names:
        raise DataError(_nothing(folder, split), REMEDY)
    return AnnotatedPairs(
        folder,
        partial(read_sequences, split=split),
        name=f"{spec.id}?split={split}",
        format=FORMAT,
        annotations=names,
    )


def _nothing(folder: Path, split: str) -> str:
    """Say what is there instead of sequences."""
    for inner in list_annotations(folder, ""):
        if inner.is_dir() and sequences(inner, split):
            return f"'{folder}' holds no HPatches sequence itself, but '{inner}' does."
    if any(folder.glob("[iv]_*/ref.png")):
        return f"'{folder}' holds the patches of HPatches (ref.png), not its sequences of images (1.ppm … 6.ppm)."
    kind = "" if split == "all" else f" {split}_*"
    return f"'{folder}' holds no HPatches sequence{kind}: no folder i_… or v_… with 1.ppm and H_1_2 … H_1_6."
