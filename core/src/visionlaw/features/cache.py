"""The feature cache: one safetensors file per image and encoder, named by everything that the features depend on.

Entries are written in full or not at all, so that a killed run leaves whole ones only; a checksum finds those that the
disk has damaged, which count as missing and are computed again.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from visionlaw.atomic import sweep, write_bytes
from visionlaw.errors import DataError, VisionlawError
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.libraries import spec_digest
from visionlaw.protocols import EncoderRef

FORMAT = 1  # Counts up when entries, or what core's own preprocessing returns, change.
DTYPE = torch.float32


class FeatureCache:
    """Feature maps on disk, by content; safe for several processes at once.

    Args:
        folder: Where the entries are; created when the first is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._swept: set[Path] = set()

    def path(self, encoder: EncoderRef, image: str) -> Path:
        """Return where the entry of an image is: named by a digest of all that its features depend on.

        That is the encoder's exact id with its declared preprocessing and layer, its provenance, the
        image's key, the dtype and the format of the entries.
        """
        identity = {
            "format": FORMAT,
            "dtype": str(DTYPE),
            "encoder": encoder.id,
            "spec": spec_digest(encoder.spec),
            "provenance": dict(encoder.provenance),
            "image": image,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.safetensors"

    def get(self, encoder: EncoderRef, image: str) -> FeatureMap | None:
        """Return an image's features, or None where they are not there or damaged."""
        return _read(self.path(encoder, image))

    def claim(self, encoder: EncoderRef, images: Sequence[str]) -> frozenset[str]:
        """Reserve images for this process to compute."""
        return frozenset(images)

    def release(self, encoder: EncoderRef, images: Sequence[str]) -> None:
        """Give up claims."""

    def put(self, encoder: EncoderRef, features: Mapping[str, FeatureMap]) -> None:
        """Keep the features of images.

        Raises:
            DataError: As :meth:`_put`.
        """
        for image, one in features.items():
            self._put(encoder, image, one)

    def _put(self, encoder: EncoderRef, image: str, features: FeatureMap) -> None:
        """Keep an image's features.

        Raises:
            DataError: The disk is full or the folder cannot be written to. Going on without the cache would
                lose hours of work at the first interruption, so that is not done silently.
        """
        path = self.path(encoder, image)
        if path.parent not in self._swept:
            sweep(path.parent)
            self._swept.add(path.parent)
        try:
            write_bytes(path, _encode(features))
        except OSError as error:
            raise DataError(
                f"Features cannot be written to '{self.folder}': {error.strerror or error}.",
                "Free some space there, or run in a folder that you can write to; what was finished is kept.",
            ) from error


def _encode(features: FeatureMap) -> bytes:
    tokens = features.tokens.detach().to("cpu", DTYPE).contiguous()
    metadata = {"geometry": json.dumps(asdict(features.geometry)), "crc32": str(_checksum(tokens))}
    return save({"tokens": tokens}, metadata)


def _read(path: Path) -> FeatureMap | None:
    """Read an entry; None where it is not there or damaged."""
    try:
        with cast("Any", safe_open(path, framework="pt")) as entry:
            metadata: dict[str, str] = entry.metadata()
            # A copy, so that the file is not kept open for as long as the features live.
            tokens: torch.Tensor = entry.get_tensor("tokens").clone()
        if _checksum(tokens) != int(metadata["crc32"]):
            return None
        geometry = {name: tuple(value) for name, value in json.loads(metadata["geometry"]).items()}
        return FeatureMap(tokens, Geometry(**geometry))
    except (OSError, SafetensorError, VisionlawError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _checksum(tokens: torch.Tensor) -> int:
    return zlib.crc32(tokens.numpy().data)
