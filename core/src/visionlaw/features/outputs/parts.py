"""The index of an output: what each part holds, in a small JSON file beside its tokens.

The index of a part is written after its tokens: a part without one is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionlaw.errors import DataError
from visionlaw.features.geometry import Geometry
from visionlaw.features.outputs.header import Header
from visionlaw.features.results import Quarantined

INDEX_FILE = "part-{:06d}.json"


@dataclass(frozen=True)
class Kept:
    """An image of the input that has features.

    Attributes:
        name: Of the image in the input.
        key: Digest of its content.
        geometry: The map between its pixels and the grid.
    """

    name: str
    key: str
    geometry: Geometry


@dataclass(frozen=True)
class Part:
    """Images that were written at once.

    Attributes:
        number: Counts from 0.
        entries: In the order of the input.
        size: Bytes of the file with their tokens; 0 where there is none, since no image has features.
    """

    number: int
    entries: tuple[Kept | Quarantined, ...]
    size: int

    @property
    def kept(self) -> list[Kept]:
        """The images with features, in the order of their tokens."""
        return [entry for entry in self.entries if isinstance(entry, Kept)]

    @property
    def quarantined(self) -> list[Quarantined]:
        """The images without."""
        return [entry for entry in self.entries if isinstance(entry, Quarantined)]


def index_bytes(part: Part) -> bytes:
    """Return the content of the index of a part: ASCII, so that names that are not valid Unicode are kept as well."""
    entries = ",\n".join(json.dumps(_to_json(entry)) for entry in part.entries)
    return f'{{"bytes": {part.size}, "images": [\n{entries}\n]}}\n'.encode("ascii")


def read_index(folder: Path, number: int, header: Header) -> Part | None:
    """Read what a part holds; None where it has not been written.

    Raises:
        DataError: Its index is damaged or cannot be read.
    """
    path = folder / INDEX_FILE.format(number)
    try:
        fields = json.loads(path.read_bytes())
        part = Part(number, tuple(_from_json(one, header.grid) for one in fields["images"]), int(fields["bytes"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.", "Check the folder.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged(path) from error
    if not 1 <= len(part.entries) <= header.images_per_part:
        raise damaged(path)
    return part


def read_parts(folder: Path, header: Header, data_file: str) -> Iterator[Part]:
    """Yield the parts that are there, from the first to the last before a gap.

    Args:
        folder: Of the output.
        header: Of the output.
        data_file: Where the tokens of a part are, with ``{}`` for its number.

    Raises:
        DataError: A part is damaged: its index is, or its tokens are missing or cut short.
    """
    number = 0
    while (part := read_index(folder, number, header)) is not None:
        path = folder / data_file.format(number)
        if part.size and (not path.is_file() or path.stat().st_size != part.size):
            raise damaged(path)
        yield part
        if len(part.entries) < header.images_per_part:
            return
        number += 1


def damaged(path: Path) -> DataError:
    """Return the error of a part that cannot be used."""
    return DataError(
        f"'{path}' is missing or damaged.", "Run the extraction into this folder again; what is whole is kept."
    )


def _to_json(entry: Kept | Quarantined) -> dict[str, Any]:
    if isinstance(entry, Quarantined):
        return {"name": entry.name, "quarantined": entry.reason}
    geometry = entry.geometry
    return {
        "name": entry.name,
        "key": entry.key,
        "image_size": [int(length) for length in geometry.image_size],
        "scale": [float(value) for value in geometry.scale],
        "offset": [float(value) for value in geometry.offset],
    }


def _from_json(fields: dict[str, Any], grid: tuple[int, int]) -> Kept | Quarantined:
    if "quarantined" in fields:
        return Quarantined(fields["name"], fields["quarantined"])
    (width, height), scale, offset = fields["image_size"], fields["scale"], fields["offset"]
    geometry = Geometry((width, height), grid, (scale[0], scale[1]), (offset[0], offset[1]))
    return Kept(fields["name"], fields["key"], geometry)
