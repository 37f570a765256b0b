"""Tiny checkpoints for the checks: a tower's own architecture, patch and size, with few and narrow blocks, random."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import open_clip
import timm
import timm.models
import torch
from safetensors.torch import save_file

from visionlaw.specs import EncoderSpec
from visionlaw.testing import random_module
from visionlaw_openclip.catalogue import model_and_tag
from visionlaw_openclip.resolving import measure

EMBEDDING = 16
TEXT: dict[str, Any] = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
TRANSFORMER: dict[str, Any] = {"layers": 4, "width": 32, "head_width": 8}
RESNET: dict[str, Any] = {"layers": [1, 1, 1, 1], "width": 8, "head_width": 8}
TIMM: tuple[dict[str, Any], ...] = (
    {"embed_dim": 32, "depth": 4, "num_heads": 2},  # vision transformers
    {"dims": (16, 24, 32, 48), "depths": (1, 1, 2, 1)},  # ConvNeXt
)
"""Arguments that make a tower of timm tiny, for the first kind that takes them all."""


def build(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny model of both towers, for the size of the published weights, and return the spec of its tower."""
    model, tag = model_and_tag(spec.id)
    published = cast("dict[str, Any]", open_clip.get_model_config(model))
    config = published | {"embed_dim": EMBEDDING, "vision_cfg": tiny_vision(published["vision_cfg"], folder)}
    save(config, folder)
    told = measure(model, tag, spec.resolution, config).spec()
    changes = {"channels": told.channels, "parameters": told.parameters, "variants": told.variants}
    return spec.model_copy(update=changes | {"checkpoint": str(folder), "revision": None})


def save(config: Mapping[str, Any], folder: Path) -> None:
    """Write a random model as a folder of open_clip's.

    Args:
        config: ``model_cfg`` as open_clip writes it; the text tower is made as small as can be.
        folder: Where to.
    """
    chosen = {name: config[name] for name in ("embed_dim", "vision_cfg", "quick_gelu") if name in config}
    chosen |= {"text_cfg": TEXT}
    model = random_module(lambda: open_clip.CLIP(**chosen))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    document = {"model_cfg": chosen, "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}}
    (folder / "open_clip_config.json").write_text(json.dumps(document), encoding="utf-8")


def tiny_vision(vision: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the ``vision_cfg`` of a tiny tower of the same kind.

    open_clip takes a tower of timm by name alone: so a tiny one gets a configuration of its own in the folder, which
    timm finds by the folder's name.
    """
    name = vision.get("timm_model_name")
    if not name:
        return dict(vision) | (RESNET if isinstance(vision["layers"], list) else TRANSFORMER)
    with torch.device("meta"):
        known = inspect.signature(type(timm.create_model(name)).__init__).parameters
    arguments = next((size for size in TIMM if size.keys() <= known.keys()), None)
    if arguments is None:
        return dict(vision)
    trunk = folder / "trunk"
    model = timm.create_model(name, **arguments)
    timm.models.save_for_hf(model, str(trunk), model_args=arguments, safe_serialization=True)
    (trunk / "model.safetensors").unlink()  # its weights are among the whole model's
    return dict(vision) | {"timm_model_name": f"local-dir:{trunk}"}
