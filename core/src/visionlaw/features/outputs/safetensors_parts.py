"""Parts as safetensors: tokens and geometries as tensors, names and keys as metadata. Keeps bfloat16."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import safe_open

from visionlaw.features.outputs.codecs import Codec, Content
from visionlaw.features.outputs.header import Header
from visionlaw.features.outputs.parts import Part

DTYPES = {
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
}


class SafetensorsParts:
    """``tokens`` [n, h·w, C], ``image_size`` [n, 2] int64 and ``scale``, ``offset`` [n, 2] float64 per file."""

    data_file = "part-{:06d}.safetensors"

    def encode(self, header: Header, part: Part, tokens: torch.Tensor) -> Mapping[str, Content]:
        """Return the file of a part."""
        if not part.kept:
            return {}
        geometries = [kept.geometry for kept in part.kept]
        tensors = {  # the widest numbers first, so that all are aligned
            "image_size": torch.tensor([g.image_size for g in geometries], dtype=torch.int64),
            "offset": torch.tensor([g.offset for g in geometries], dtype=torch.float64),
            "scale": torch.tensor([g.scale for g in geometries], dtype=torch.float64),
            "tokens": tokens,
        }
        facts = {
            "representation": header.representation,
            "grid": json.dumps(header.grid),
            "names": json.dumps([kept.name for kept in part.kept]),
            "keys": json.dumps([kept.key for kept in part.kept]),
        }
        return {self.data_file.format(part.number): _file(tensors, facts)}

    def decode(self, path: Path, header: Header, part: Part) -> torch.Tensor:
        """Map the tokens of a part."""
        with cast("Any", safe_open(path, framework="pt")) as file:
            return file.get_tensor("tokens")

    def finish(self, header: Header, parts: Iterable[Part], positions: int) -> Iterator[tuple[str, Content]]:
        """Yield nothing: the parts are complete in themselves."""
        return iter(())


def _file(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> Content:
    """Lay out a file: the header's length in 8 bytes, the header as JSON, the tensors as they are.

    ``safetensors.torch.save`` copies every tensor twice, which took five times as long as writing the file, and orders
    metadata at random, so that no two runs would write the same bytes.
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    pieces: list[memoryview] = []
    start = 0
    for name, tensor in tensors.items():
        piece = tensor.reshape(-1).view(torch.uint8).numpy().data
        end = start + len(piece)
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        pieces.append(piece)
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *pieces]


def codec() -> Codec:
    """Return the codec."""
    return SafetensorsParts()
