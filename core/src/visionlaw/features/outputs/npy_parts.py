"""Parts as npy: one plain array of tokens per file, that numpy maps into memory; the rest is in the index beside it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0

from visionlaw.features.outputs.codecs import Codec, Content
from visionlaw.features.outputs.header import Header
from visionlaw.features.outputs.parts import Part


class NpyParts:
    """An array [n, h·w, C] per file; its rows are the images of the index that are not quarantined."""

    data_file = "part-{:06d}.npy"

    def encode(self, header: Header, part: Part, tokens: torch.Tensor) -> Mapping[str, Content]:
        """Return the file of a part."""
        if not part.kept:
            return {}
        array, header_only = tokens.numpy(), io.BytesIO()
        write_array_header_1_0(header_only, header_data_from_array_1_0(array))
        return {self.data_file.format(part.number): [header_only.getvalue(), array.data.cast("B")]}

    def decode(self, path: Path, header: Header, part: Part) -> torch.Tensor:
        """Map the tokens of a part; writing to them changes a private copy of the page, never the file."""
        return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))  # pyright: ignore[reportUnknownMemberType]

    def finish(self, header: Header, parts: Iterable[Part], positions: int) -> Iterator[tuple[str, Content]]:
        """Yield nothing: the parts are complete in themselves."""
        return iter(())


def codec() -> Codec:
    """Return the codec."""
    return NpyParts()
