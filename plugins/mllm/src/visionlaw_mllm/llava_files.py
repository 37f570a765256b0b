"""LLaVA's ``mm_projector.bin``: read without running what may be in it, and written.

It is a pickled state dict, ``{"model.mm_projector.0.weight": …, "model.mm_projector.0.bias": …, …}`` in bfloat16 or
float16. Only tensors are unpickled (``weights_only``).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from visionlaw import atomic
from visionlaw.alignment.language import LanguageRef
from visionlaw.alignment.projector import Kind, ProjectorCard, build_projector
from visionlaw.errors import DataError
from visionlaw.features.images import open_file
from visionlaw.protocols import Representation
from visionlaw.scoring.representations import name_of

MARK = "mm_projector."
PREFIX = f"model.{MARK}"
LINEAR: Mapping[str, str] = {"weight": "0.weight", "bias": "0.bias"}
"""LLaVA's names in a projector that is one linear layer → ours."""
KINDS: Mapping[frozenset[str], Kind] = {
    frozenset({"0.weight", "0.bias", "2.weight", "2.bias"}): "mlp2x_gelu",
    frozenset({"0.weight", "0.bias"}): "linear",
}


@dataclass(frozen=True)
class LLaVAProjector:
    """What such a file holds.

    Attributes:
        kind: ``mlp2x_gelu`` or ``linear``.
        channels: C, length of the tokens that it takes.
        width: d, of the language model.
        dtype: Of the weights in the file.
        weights: By visionlaw's names, float32.
        digest: Of the file.
    """

    kind: Kind
    channels: int
    width: int
    dtype: str
    weights: Mapping[str, torch.Tensor]
    digest: str


def read_projector(path: Path) -> LLaVAProjector:
    """Read an ``mm_projector.bin``; tensors that belong to no projector, such as embeddings, are passed over.

    Raises:
        DataError: It cannot be read, holds something else than tensors, or no projector that visionlaw knows.
    """
    content = _load(path)
    found = {name.partition(MARK)[2]: value for name, value in content.items() if MARK in name}
    named = {LINEAR.get(name, name): value for name, value in found.items()}
    kind = KINDS.get(frozenset(named))
    if kind is None or len(named) < len(found):
        holds = ", ".join(sorted(found)[:6]) or "no tensor of that name"
        raise DataError(
            f"'{path}' holds no projector of LLaVA's kinds mlp2x_gelu or linear: {MARK}* is {holds}.",
            "Give the mm_projector.bin of a LLaVA's pretraining.",
        )
    width, channels = _shape(path, kind, named)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    dtype = str(named["0.weight"].dtype).removeprefix("torch.")
    weights = {name: value.float() for name, value in named.items()}
    return LLaVAProjector(kind, channels, width, dtype, weights, f"sha256:{digest[:32]}")


def as_projector(
    read: LLaVAProjector,
    representation: Representation,
    language: LanguageRef,
    channels: int | None,
    combiner: Mapping[str, Any],
) -> tuple[torch.nn.Sequential, ProjectorCard]:
    """Return a projector that was read, as that of a representation for a language model.

    Args:
        read: As :func:`read_projector` returns it.
        representation: Whose tokens it was trained on; nobody can check that but you.
        language: The language model that it was trained for.
        channels: C of the representation; None where only its combiner knows.
        combiner: Its id and provenance; empty for a single encoder.

    Raises:
        DataError: Its sizes are not theirs.
    """
    name = name_of(representation)
    if channels is not None and read.channels != channels:
        raise DataError(
            f"The projector takes tokens of {read.channels} channels; those of '{name}' have {channels}.",
            "Name the representation that it was trained on.",
        )
    if read.width != language.width:
        raise DataError(
            f"The projector is for a language model of width {read.width}; '{language.name}' has {language.width}.",
            "Name the language model that it was trained for: --lm",
        )
    projector = build_projector(read.kind, read.channels, read.width, seed=0)
    projector.load_state_dict(dict(read.weights))
    encoders = {part.id: dict(part.provenance) for part in representation}
    training = {"imported": {"format": "llava", "digest": read.digest, "dtype": read.dtype}}
    card = ProjectorCard(
        name, read.kind, read.channels, read.width, encoders, language.provenance, dict(combiner), training
    )
    return projector, card


def write_projector(path: Path, projector: torch.nn.Module, card: ProjectorCard) -> Path:
    """Write a projector as LLaVA reads it, in float32, whole or not at all.

    Raises:
        DataError: It is of a kind that LLaVA has no file of.
        OSError: The file cannot be written.
    """
    if card.kind not in KINDS.values():
        raise DataError(f"A projector '{card.kind}' has no weights to export.", "Export one that was trained.")
    ours = {value: name for name, value in LINEAR.items()} if card.kind == "linear" else {}
    state = {f"{PREFIX}{ours.get(name, name)}": value for name, value in projector.state_dict().items()}
    with atomic.writing(path) as file:
        torch.save(state, file)
    return path


def _load(path: Path) -> dict[str, torch.Tensor]:
    refused = DataError(
        f"'{path}' holds something else than tensors, which could run code; it was not loaded.",
        "Save its tensors alone: torch.save({name: tensor, …}, FILE).",
    )
    with open_file(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a pickle's protocol; whatever matters becomes an error
        try:
            content: object = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise refused from error
        except MemoryError:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
            raise DataError(f"'{os.fspath(path)}' cannot be read: {reason}.", "Download it again.") from error
    if not isinstance(content, Mapping):
        raise refused
    tensors = cast("Mapping[object, object]", content)
    return {str(name): value for name, value in tensors.items() if isinstance(value, torch.Tensor)}


def _shape(path: Path, kind: Kind, named: Mapping[str, torch.Tensor]) -> tuple[int, int]:
    """Return width and channels, having seen that all tensors agree on them."""
    first = named["0.weight"]
    if first.ndim == 2:
        width, channels = first.shape
        shapes = {"0.weight": (width, channels), "0.bias": (width,), "2.weight": (width, width), "2.bias": (width,)}
        if all(tuple(value.shape) == shapes[name] and value.is_floating_point() for name, value in named.items()):
            return width, channels
    told = ", ".join(f"{name} {list(value.shape)} {str(value.dtype)[6:]}" for name, value in sorted(named.items()))
    raise DataError(f"The tensors in '{path}' make no projector '{kind}': {told}.", "Download it again.")
