"""One shard: the features of a batch of images as safetensors.

A tensor's metadata are ``<crc32> <JSON>``, where the JSON holds dtype, shape and geometry, and the checksum covers
the encoder, the image, the JSON and the data: not a bit of what is read can have changed unnoticed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from visionlaw.errors import VisionlawError
from visionlaw.features.cache.headers import ENCODER
from visionlaw.features.cache.identity import Identity
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap


def pack(encoder: Identity, features: Mapping[str, FeatureMap]) -> bytes:
    """Return the content of a shard.

    Args:
        encoder: Whose features they are.
        features: By the image's name.
    """
    # Copies: tokens may be parts of one batch, which safetensors does not take.
    tensors = {n: f.tokens.detach().to("cpu", copy=True).contiguous() for n, f in features.items()}
    metadata = {ENCODER: encoder.text}
    for name, tokens in tensors.items():
        said = json.dumps(_facts(tokens) | {"geometry": _geometry_facts(features[name].geometry)})
        metadata[name] = f"{_checksum(encoder.digest, name, said, tokens):08x} {said}"
    return save(tensors, metadata)


def read(path: Path, digest: str, image: str) -> FeatureMap | None:
    """Read the features of one image; None where they are not there or damaged.

    Only the pages of this image are read, through a memory map. What is returned is a copy of them: it is the caller's
    own, no file stays open or mapped for as long as it lives, and nobody else's changes to the file can reach it. The
    copy costs a tenth of the checksum.

    Args:
        path: The shard.
        digest: That of the encoder.
        image: The image's name.
    """
    try:
        with cast("Any", safe_open(path, framework="pt")) as shard:
            checksum, _, said = cast("str", shard.metadata()[image]).partition(" ")
            tokens: torch.Tensor = shard.get_tensor(image).clone()
        if _checksum(digest, image, said, tokens) != int(checksum, 16):
            return None
        facts = json.loads(said)
        geometry = Geometry(**{name: tuple(value) for name, value in facts.pop("geometry").items()})
        return FeatureMap(tokens, geometry) if facts == _facts(tokens) else None
    except (OSError, SafetensorError, VisionlawError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None


def _facts(tokens: torch.Tensor) -> dict[str, Any]:
    return {"dtype": str(tokens.dtype).removeprefix("torch."), "shape": list(tokens.shape)}


def _geometry_facts(geometry: Geometry) -> dict[str, list[int] | list[float]]:
    return {
        "image_size": [int(side) for side in geometry.image_size],
        "grid": [int(side) for side in geometry.grid],
        "scale": [float(value) for value in geometry.scale],
        "offset": [float(value) for value in geometry.offset],
    }


def _checksum(digest: str, image: str, said: str, tokens: torch.Tensor) -> int:
    labels = zlib.crc32(f"{digest}/{image} {said}".encode())
    return zlib.crc32(tokens.view(torch.uint8).numpy().data, labels)
