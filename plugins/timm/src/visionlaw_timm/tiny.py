"""Tiny checkpoints for the checks: a model's own architecture, patch and size, with few and narrow blocks, random."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import timm
import timm.models
import torch

from visionlaw.specs import EncoderSpec
from visionlaw.testing import random_module
from visionlaw_timm.resolving import measure

PLAIN: dict[str, Any] = {"embed_dim": 32, "depth": 4, "num_heads": 2}
STAGED: dict[str, Any] = {"embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (1, 1, 2, 2)}
SIZES: tuple[dict[str, Any], ...] = (
    PLAIN | {"global_attn_indexes": ()},  # SAM, within its windows: across 64×64 tokens it would not be tiny
    PLAIN,  # vision transformers
    STAGED,  # Swin
    {"embed_dim": 16, "stages": (1, 1, 2, 1), "num_heads": 1},  # Hiera
    {"dims": (16, 24, 32, 48), "depths": (1, 1, 2, 1)},  # ConvNeXt
    {"channels": (8, 12, 16, 24), "layers": (1, 1, 1, 1)},  # ResNets
)
"""Arguments that make a model tiny, for the first kind that takes them all."""


def build(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny model for the size of the published weights, and return the spec at the encoder's resolution."""
    name = spec.id.removeprefix("timm/").rpartition("@")[0]
    arguments = tiny_arguments(name)
    save(name, folder, arguments)
    told = measure(name, spec.resolution, arguments).spec()
    changes = {"channels": told.channels, "parameters": told.parameters, "variants": told.variants}
    return spec.model_copy(update=changes | {"checkpoint": str(folder), "revision": None})


def save(name: str, folder: Path, arguments: dict[str, Any]) -> None:
    """Write a random model as a folder of timm's.

    Args:
        name: As timm names it.
        folder: Where to.
        arguments: Of ``create_model``.
    """
    model = random_module(lambda: timm.create_model(name, pretrained=False, **arguments))
    timm.models.save_for_hf(model, str(folder), model_args=arguments, safe_serialization=True)


def tiny_arguments(name: str) -> dict[str, Any]:
    """Return the arguments of ``create_model`` that make a model tiny; none where it is not known how to."""
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    known = inspect.signature(type(model).__init__).parameters
    return next((dict(size) for size in SIZES if size.keys() <= known.keys()), {})
