"""Features as files that other programs read: safetensors, npy, zarr or parquet, written as a stream.

:func:`open_output` makes a folder and writes to it part by part; each part is there whole or not at all, so a run that
was killed goes on where it stopped and ends in the same bytes. :func:`read_output` gives back exactly what was written.

What is in the folder::

    manifest.json          what the features are: representation, grid, channels, dtype, provenance
    part-000000.<format>   tokens of the first images (with zarr: one store, features.zarr)
    part-000000.json       the same images' names, keys and geometries, and what could not be read; written last
    quarantine.jsonl       all images that could not be read, with the reason
    summary.json           the totals; its presence says that the output is complete

Nothing in it depends on the time, the machine or the folder's place. Torch is imported when it is needed, not with this
package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from visionlaw.features.outputs.formats import Format

if TYPE_CHECKING:
    from visionlaw.features.outputs.header import Header
    from visionlaw.features.outputs.reading import Description, describe_output, read_output, read_quarantine
    from visionlaw.features.outputs.writing import Output, open_output

_HOMES = {
    "Description": "reading",
    "Header": "header",
    "Output": "writing",
    "describe_output": "reading",
    "open_output": "writing",
    "read_output": "reading",
    "read_quarantine": "reading",
}

__all__ = [
    "Description",
    "Format",
    "Header",
    "Output",
    "describe_output",
    "open_output",
    "read_output",
    "read_quarantine",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
