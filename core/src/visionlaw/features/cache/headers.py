"""Where shards are, and what their headers say; read without torch, since the index is built from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from visionlaw.features.cache.identity import FORMAT, Identity

SUFFIX = ".safetensors"
ENCODER = "encoder"  # the key of the identity among a shard's metadata; no name of an image is so short
LONGEST_HEADER = 100_000_000  # safetensors' own limit

_TWO_HEX = re.compile(r"[0-9a-f]{2}")
_DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Header:
    """What a shard holds.

    Attributes:
        encoder: Whose features they are.
        images: Names of the images.
        dtypes: The data types among them as safetensors names them, such as ``F32``.
        size: Bytes of the file.
        modified: When it was written, in seconds.
    """

    encoder: Identity
    images: tuple[str, ...]
    dtypes: tuple[str, ...]
    size: int
    modified: float


def shard_path(folder: Path, digest: str, shard: str) -> Path:
    """Return where a shard of an encoder is."""
    return folder / digest[:2] / digest / f"{shard}{SUFFIX}"


def encoder_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of shards in a cache, one per encoder."""
    for first in _folders(folder):
        if _TWO_HEX.fullmatch(first.name):
            yield from (path for path in _folders(first) if _DIGEST.fullmatch(path.name))


def shard_paths(folder: Path) -> Iterator[Path]:
    """Yield the shards of a cache, whole or not."""
    for encoder in encoder_folders(folder):
        yield from sorted(encoder.glob(f"*{SUFFIX}"))


def outdated_paths(folder: Path) -> Iterator[Path]:
    """Yield what earlier versions of visionlaw have left in a cache: entries that are never read again."""
    for first in _folders(folder):
        if _TWO_HEX.fullmatch(first.name):
            yield from sorted(first.glob(f"*{SUFFIX}"))


def read_header(path: Path) -> Header | None:
    """Return a shard's header; None where the file is not there, cut off, no shard, or in the wrong folder.

    The tensors are not looked at.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST_HEADER:
                return None
            said = cast("dict[str, Any]", json.loads(file.read(length)))
        metadata: dict[str, str] = said.pop("__metadata__")
        found = path.stat()
        header = Header(
            Identity(metadata[ENCODER]),
            tuple(said),
            tuple(sorted({tensor["dtype"] for tensor in said.values()})),
            found.st_size,
            found.st_mtime,
        )
        end = max((int(tensor["data_offsets"][1]) for tensor in said.values()), default=0)
        whole = found.st_size == 8 + length + end
        mine = header.encoder.digest == path.parent.name and header.encoder.fields["format"] == FORMAT
        return header if whole and mine and all(map(_DIGEST.fullmatch, said)) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
