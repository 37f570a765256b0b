"""The image source ``hf``: a Hugging Face data set on this machine, as ``save_to_disk`` or a download left it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visionlaw.errors import DataError, did_you_mean
from visionlaw.images.items import Columns, require_folder
from visionlaw.images.parquet import ParquetBlocks, parquet_files
from visionlaw.images.tables import Blocks, TableImages, unreadable
from visionlaw.specs import ImageSourceSpec

STATE, SPLITS = "state.json", "dataset_dict.json"


class ArrowBlocks(Blocks):
    """The record batches of an Arrow file as the library ``datasets`` writes it, mapped into memory.

    Raises:
        DataError: It is none.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow  # pyright: ignore[reportMissingTypeStubs]

        self.path = path
        arrow: Any = pyarrow
        try:
            with arrow.memory_map(str(path)) as mapped:
                try:
                    self._batches = arrow.ipc.open_stream(mapped).read_all().to_batches()
                except arrow.ArrowInvalid:
                    mapped.seek(0)
                    self._batches = arrow.ipc.open_file(mapped).read_all().to_batches()
        except Exception as error:
            raise unreadable(path, error) from error
        self.sizes = [batch.num_rows for batch in self._batches]
        self.columns = list(self._batches[0].schema.names) if self._batches else []

    def read(self, block: int, columns: Sequence[str]) -> Any:
        """Return a record batch."""
        return self._batches[block].select(list(columns))


def build(
    spec: ImageSourceSpec,
    root: Path | str | None = None,
    split: str = "",
    image: str = "image",
    caption: str = "caption",
) -> TableImages:
    """Return the images of a data set; neither the library ``datasets`` nor a network is needed.

    Args:
        spec: The spec that names this function.
        root: A folder that ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk`` wrote, or a folder of Arrow or
            parquet files such as a snapshot of a hub's data set.
        split: The split; needed where there are several.
        image: The column of the images.
        caption: The column of the captions; a data set need not have it.

    Raises:
        DataError: There is no such folder or split, it is damaged, or has no images.
    """
    folder = _split(require_folder(root, spec.id), split)
    found = _files(folder, split)
    if not found:
        raise DataError(
            f"'{folder}' holds no data set: no '{STATE}', no .arrow and no .parquet file.",
            "Write one with Dataset.save_to_disk.",
        )
    blocks = [ParquetBlocks(path) if path.suffix == ".parquet" else ArrowBlocks(path) for path in found]
    return TableImages([block for block in blocks if block.sizes] or blocks, Columns(image, caption))


def _split(folder: Path, split: str) -> Path:
    """Return the folder of a split of a saved ``DatasetDict``; any other folder as it is."""
    if not (folder / SPLITS).is_file():
        return folder
    names = _json(folder / SPLITS).get("splits", [])
    if split not in names:
        if not split and len(names) == 1:
            return folder / names[0]
        raise DataError(
            f"'{folder}' has the splits {', '.join(names)}{f', not {split!r}' if split else ''}.",
            did_you_mean(split, names) or "Name one: ?split=NAME",
        )
    return folder / split


def _files(folder: Path, split: str) -> list[Path]:
    """Return the files of a data set, in its order."""
    if (folder / STATE).is_file():
        return [folder / one["filename"] for one in _json(folder / STATE).get("_data_files", [])]
    found = sorted(folder.rglob("*.arrow")) or parquet_files(folder)
    splits = {path: _split_of(path) for path in found}
    names = list(dict.fromkeys(splits.values()))
    if split not in names and (split or len(names) > 1):
        raise DataError(
            f"'{folder}' has the splits {', '.join(names)}{f', not {split!r}' if split else ''}.",
            did_you_mean(split, names) or "Name one: ?split=NAME",
        )
    return [path for path in found if not split or splits[path] == split]


def _split_of(path: Path) -> str:
    """Return the split that a file's name tells: ``train-00000-of-00002``, ``name-train``, or ``train/0000``."""
    stem = re.sub(r"-\d+-of-\d+(-[0-9a-f]+)?$", "", path.stem)
    return path.parent.name if stem.isdecimal() else stem.rpartition("-")[2]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read: {error}.", "Save the data set again.") from error
