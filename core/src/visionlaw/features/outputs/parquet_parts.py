"""Parts as parquet: a table with a row for each image, one row group for each part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from visionlaw.features.outputs.codecs import Codec, Content, optional_library
from visionlaw.features.outputs.formats import Format
from visionlaw.features.outputs.header import Header, stored_dtype
from visionlaw.features.outputs.parts import Part
from visionlaw.features.sources.source import printable


class ParquetParts:
    """Columns name, key, image_width, image_height, scale_x, scale_y, offset_x, offset_y and tokens.

    ``tokens`` is a list of h·w·C numbers, row-major ``[h·w, C]``; the schema's metadata name the grid and the channels.

    Args:
        arrow: The module pyarrow.
        parquet: The module pyarrow.parquet.
    """

    data_file = "part-{:06d}.parquet"

    def __init__(self, arrow: Any, parquet: Any) -> None:
        self.arrow = arrow
        self.parquet = parquet

    def encode(self, header: Header, part: Part, tokens: torch.Tensor) -> Mapping[str, Content]:
        """Return the file of a part."""
        if not part.kept:
            return {}
        kept, arrow = part.kept, self.arrow
        flat = arrow.array(tokens.reshape(-1).numpy())
        columns = {
            "name": [printable(one.name) for one in kept],
            "key": [printable(one.key) for one in kept],
            "image_width": [one.geometry.image_size[0] for one in kept],
            "image_height": [one.geometry.image_size[1] for one in kept],
            "scale_x": [one.geometry.scale[0] for one in kept],
            "scale_y": [one.geometry.scale[1] for one in kept],
            "offset_x": [one.geometry.offset[0] for one in kept],
            "offset_y": [one.geometry.offset[1] for one in kept],
            "tokens": arrow.FixedSizeListArray.from_arrays(flat, header.tokens * header.channels),
        }
        sink = arrow.BufferOutputStream()
        self.parquet.write_table(
            arrow.table(columns, schema=self._schema(header)),
            sink,
            row_group_size=len(kept),
            # Features are nearly incompressible, have no repetitions and no useful extremes: this is what is fast.
            compression="none",
            use_dictionary=False,
            write_statistics=False,
        )
        return {self.data_file.format(part.number): [memoryview(sink.getvalue())]}

    def decode(self, path: Path, header: Header, part: Part) -> torch.Tensor:
        """Read the tokens of a part."""
        column = self.parquet.read_table(path, columns=["tokens"], memory_map=True).column("tokens")
        values = column.combine_chunks().flatten().to_numpy(zero_copy_only=True)
        # Arrow's arrays are read-only, torch's tensors cannot be.
        return torch.from_numpy(values.copy()).reshape(-1, header.tokens, header.channels)  # pyright: ignore[reportUnknownMemberType]

    def finish(self, header: Header, parts: Iterable[Part], positions: int) -> Iterator[tuple[str, Content]]:
        """Yield nothing: the parts are complete in themselves."""
        return iter(())

    def _schema(self, header: Header) -> Any:
        arrow = self.arrow
        number = arrow.float16() if stored_dtype(header, Format.PARQUET) == "float16" else arrow.float32()
        types = {
            "name": arrow.string(),
            "key": arrow.string(),
            "image_width": arrow.int64(),
            "image_height": arrow.int64(),
            "scale_x": arrow.float64(),
            "scale_y": arrow.float64(),
            "offset_x": arrow.float64(),
            "offset_y": arrow.float64(),
            "tokens": arrow.list_(arrow.field("element", number, nullable=False), header.tokens * header.channels),
        }
        facts = {"representation": header.representation, "grid": header.grid, "channels": header.channels}
        fields = [arrow.field(name, kind, nullable=False) for name, kind in types.items()]
        return arrow.schema(fields, metadata={"visionlaw": json.dumps(facts)})


def codec() -> Codec:
    """Return the codec.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    return ParquetParts(
        optional_library("pyarrow", Format.PARQUET), optional_library("pyarrow.parquet", Format.PARQUET)
    )
