"""Reading back what was written to a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from visionlaw.errors import DataError, MissingDependencyError
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs.codecs import Codec, find_codec
from visionlaw.features.outputs.formats import Format
from visionlaw.features.outputs.header import Header, read_manifest, stored_dtype
from visionlaw.features.outputs.parts import Part, damaged, read_parts
from visionlaw.features.results import Quarantined

SUMMARY = "summary.json"
QUARANTINE = "quarantine.jsonl"


@dataclass(frozen=True)
class Description:
    """What is in a folder.

    Attributes:
        header: What the features are.
        format: How they are kept.
        images: How many images have features.
        quarantined: How many images have none.
        complete: Whether the run has come to its end; else it was interrupted or is still going on.
    """

    header: Header
    format: Format
    images: int
    quarantined: int
    complete: bool


def describe_output(folder: str | Path) -> Description:
    """Tell what features are in a folder; none of them is read.

    Raises:
        DataError: There are none, or they are damaged.
        MissingDependencyError: The library of the format is not installed.
    """
    stored = _Stored(Path(folder))
    images = quarantined = 0
    for part in stored.parts():
        images += len(part.kept)
        quarantined += len(part.quarantined)
    return Description(stored.header, stored.format, images, quarantined, read_summary(stored.folder) is not None)


def read_output(folder: str | Path) -> Iterator[tuple[str, FeatureMap]]:
    """Yield the features in a folder, in the order of the input, images that were quarantined left out.

    At most one part is in memory; safetensors and npy are mapped, so that a page is read when its numbers are looked
    at. Of a run that was interrupted, what was finished is yielded.

    Args:
        folder: Any format.

    Yields:
        The image's name and its features, in the dtype in which they are kept, exactly as they were written.

    Raises:
        DataError: There are no features, or they are damaged.
        MissingDependencyError: The library of the format is not installed.
    """
    return _features(_Stored(Path(folder)))


def read_quarantine(folder: str | Path) -> Iterator[Quarantined]:
    """Yield the images of the input that have no features, each with the reason, in the order of the input.

    Raises:
        DataError, MissingDependencyError: As :func:`read_output`.
    """
    return (entry for part in _Stored(Path(folder)).parts() for entry in part.quarantined)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Read the totals of a complete output; None where it is not complete."""
    try:
        return {"positions": None} | json.loads((folder / SUMMARY).read_bytes())
    except (OSError, ValueError, TypeError):
        return None


class _Stored:
    """A folder with features."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.header, self.format = read_manifest(folder)
        self.codec: Codec = find_codec(self.format)
        self.dtype: torch.dtype = getattr(torch, stored_dtype(self.header, self.format))

    def parts(self) -> Iterator[Part]:
        """Yield the parts; of a complete output all of them, or an error."""
        number = positions = 0
        for part in read_parts(self.folder, self.header, self.codec.data_file):
            number, positions = part.number + 1, positions + len(part.entries)
            yield part
        summary = read_summary(self.folder)
        if summary is not None and summary["positions"] != positions:
            raise damaged(self.folder / self.codec.data_file.format(number))

    def tokens(self, part: Part) -> torch.Tensor:
        """Return the tokens of a part, ``[n, h·w, C]``."""
        path = self.folder / self.codec.data_file.format(part.number)
        try:
            tokens = self.codec.decode(path, self.header, part)
        except (KeyboardInterrupt, MemoryError, DataError, MissingDependencyError):
            raise
        except Exception as error:  # libraries raise anything on broken bytes
            raise damaged(path) from error
        if tokens.shape != (len(part.kept), self.header.tokens, self.header.channels) or tokens.dtype != self.dtype:
            raise damaged(path)
        return tokens


def _features(stored: _Stored) -> Iterator[tuple[str, FeatureMap]]:
    for part in stored.parts():
        if part.kept:
            for kept, tokens in zip(part.kept, stored.tokens(part), strict=True):
                yield kept.name, FeatureMap(tokens, kept.geometry)
