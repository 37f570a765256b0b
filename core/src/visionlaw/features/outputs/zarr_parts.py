"""Parts of one zarr store, ``features.zarr``, whose arrays are indexed by the position of an image in the input.

zarr itself makes every byte, into a store in memory; the files are then written whole, tokens before the metadata that
count them. A part is one shard, in which each image is a chunk that can be read alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from visionlaw.features.outputs.codecs import Codec, Content, optional_library
from visionlaw.features.outputs.formats import Format
from visionlaw.features.outputs.header import Header, stored_dtype
from visionlaw.features.outputs.parts import Kept, Part
from visionlaw.features.results import Quarantined
from visionlaw.features.sources.source import printable

STORE = "features.zarr"
COLUMN_CHUNK = 4096
# Files in one folder per array, not in a folder per chunk.
CHUNK_NAMES = {"name": "default", "separator": "."}
COLUMNS: dict[str, tuple[Any, tuple[str, ...], Any]] = {
    "name": (str, ("image",), ""),
    "key": (str, ("image",), ""),
    "quarantined": (bool, ("image",), False),
    "image_size": ("int64", ("image", "width_height"), 0),
    "scale": ("float64", ("image", "x_y"), np.nan),
    "offset": ("float64", ("image", "x_y"), np.nan),
}


class ZarrParts:
    """``tokens`` [N, h·w, C], NaN where an image is quarantined; names, keys and geometries once all is written.

    Args:
        zarr: The module.
        storage: The module zarr.storage.
    """

    data_file = STORE + "/tokens/c.{}.0.0"

    def __init__(self, zarr: Any, storage: Any) -> None:
        self.zarr = zarr
        self.storage = storage

    def encode(self, header: Header, part: Part, tokens: torch.Tensor) -> Mapping[str, Content]:
        """Return the shard of a part, and the metadata that count it."""
        start = part.number * header.images_per_part
        files, group = self._group(header)
        array = self._tokens(group, header, start + len(part.entries))
        if part.kept:
            slab = np.full((len(part.entries), *tokens.shape[1:]), np.nan, tokens.numpy().dtype)
            slab[[isinstance(entry, Kept) for entry in part.entries]] = tokens.numpy()
            array[start : start + len(slab)] = slab
        return _content(files)

    def decode(self, path: Path, header: Header, part: Part) -> torch.Tensor:
        """Read the tokens of a part."""
        array = self.zarr.open_array(path.parent, mode="r")
        start = part.number * header.images_per_part
        slab = array[start : start + len(part.entries)]
        return torch.from_numpy(slab[[isinstance(entry, Kept) for entry in part.entries]])  # pyright: ignore[reportUnknownMemberType]

    def finish(self, header: Header, parts: Iterable[Part], positions: int) -> Iterator[tuple[str, Content]]:
        """Yield names, keys and geometries."""
        files, group = self._group(header)
        self._tokens(group, header, positions)
        columns = {name: self._column(group, name, positions) for name in COLUMNS}
        yield from _content(files).items()
        entries = (entry for part in parts for entry in part.entries)
        for start in range(0, positions, COLUMN_CHUNK):
            block = list(itertools.islice(entries, COLUMN_CHUNK))
            for name, array in columns.items():
                files.clear()
                array[start : start + len(block)] = _values(name, block)
                yield from _content(files).items()

    def _group(self, header: Header) -> tuple[dict[str, Any], Any]:
        files: dict[str, Any] = {}
        facts = {"representation": header.representation, "grid": list(header.grid), "channels": header.channels}
        store = self.storage.MemoryStore(files)
        return files, self.zarr.create_group(store, zarr_format=3, attributes={"visionlaw": facts})

    def _tokens(self, group: Any, header: Header, positions: int) -> Any:
        return group.create_array(
            "tokens",
            shape=(positions, header.tokens, header.channels),
            shards=(header.images_per_part, header.tokens, header.channels),
            chunks=(1, header.tokens, header.channels),
            dtype=stored_dtype(header, Format.ZARR),
            fill_value=np.nan,
            filters=None,
            compressors=None,  # features are nearly incompressible
            dimension_names=("image", "token", "channel"),
            chunk_key_encoding=CHUNK_NAMES,
        )

    def _column(self, group: Any, name: str, positions: int) -> Any:
        dtype, dimensions, fill = COLUMNS[name]
        width = (2,) if len(dimensions) == 2 else ()
        return group.create_array(
            name,
            shape=(positions, *width),
            chunks=(COLUMN_CHUNK, *width),
            dtype=dtype,
            fill_value=fill,
            compressors=None,
            dimension_names=dimensions,
            chunk_key_encoding=CHUNK_NAMES,
        )


def _content(files: Mapping[str, Any]) -> dict[str, Content]:
    """Return what a store in memory holds, metadata last."""
    names = sorted(files, key=lambda name: name.endswith("zarr.json"))
    return {f"{STORE}/{name}": [files[name].as_numpy_array().data.cast("B")] for name in names}


def _values(name: str, entries: Sequence[Kept | Quarantined]) -> Any:
    """Return a column's values for images; for quarantined ones the fill value."""
    dtype, dimensions, fill = COLUMNS[name]
    if name == "quarantined":
        return np.array([isinstance(entry, Quarantined) for entry in entries])
    if dtype is str:
        return np.array([printable(getattr(entry, name, fill)) for entry in entries], dtype=object)
    nothing = (fill,) * len(dimensions)
    return np.array(
        [getattr(entry.geometry, name) if isinstance(entry, Kept) else nothing for entry in entries], dtype=dtype
    )


def codec() -> Codec:
    """Return the codec.

    Raises:
        MissingDependencyError: zarr is not installed.
    """
    return ZarrParts(optional_library("zarr", Format.ZARR), optional_library("zarr.storage", Format.ZARR))
