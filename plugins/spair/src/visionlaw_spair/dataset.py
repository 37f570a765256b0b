"""The data set ``spair``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.reading import require_layout
from visionlaw.specs import DatasetSpec
from visionlaw_spair.reader import read_spair

FORMAT = 2  # Counts up whenever the reader's output changes.
GET_IT = (
    "Give the folder 'SPair-71k' of SPair-71k.tar.gz (no licence stated; the images are PASCAL VOC's): "
    "curl -LO https://cvlab.postech.ac.kr/research/SPair-71k/data/SPair-71k.tar.gz && tar xzf SPair-71k.tar.gz"
)


def build(
    spec: DatasetSpec,
    root: Path | str | None = None,
    split: str = "test",
    layout: str = "large",
    category: str = "all",
) -> AnnotatedPairs:
    """Return SPair-71k, or a part of it.

    Args:
        spec: The spec that names this function.
        root: The folder ``SPair-71k`` of the archive.
        split: ``trn``, ``val`` or ``test``.
        layout: ``large`` or ``small``.
        category: One of the 18, or ``all``.

    Raises:
        DataError: The folder is not SPair-71k's.
    """
    expected = (f"PairAnnotation/{split}", "ImageAnnotation", f"Layout/{layout}/{split}.txt")
    folder = require_layout(root, (*expected, "PairAnnotation", "JPEGImages", "Layout"), "SPair-71k", GET_IT)
    return AnnotatedPairs(
        folder,
        partial(read_spair, split=split, layout=layout, category=category),
        name=f"spair?category={category}&layout={layout}&split={split}",
        format=FORMAT,
        annotations=expected,
    )
