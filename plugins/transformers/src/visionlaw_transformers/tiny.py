"""Tiny checkpoints for the checks: each family's architecture, patch and native size, with few and narrow blocks.

They are saved as the library saves the published ones, and random.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers

from visionlaw.libraries import quiet_transformers
from visionlaw.specs import EncoderSpec
from visionlaw.testing import random_module
from visionlaw.weights import config_folder
from visionlaw_transformers.clip import FAMILY as CLIP
from visionlaw_transformers.dinov2 import FAMILY as DINOV2
from visionlaw_transformers.dinov2 import has_registers
from visionlaw_transformers.dinov3 import FAMILY as DINOV3
from visionlaw_transformers.families import Family
from visionlaw_transformers.loading import load_config, tower_class
from visionlaw_transformers.siglip import FAMILY as SIGLIP
from visionlaw_transformers.siglip2 import FAMILY as SIGLIP2

SIZE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4}
TEXT_SIZE = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
TOKENS = {"vocab_size": 60, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
REGISTERS = 4


def clip(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny CLIP, both towers, and return the spec of its vision tower."""
    return _dual(spec, folder, CLIP, transformers.CLIPConfig, transformers.CLIPModel)


def siglip(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny SigLIP, both towers, and return the spec of its vision tower."""
    return _dual(spec, folder, SIGLIP, transformers.SiglipConfig, transformers.SiglipModel)


def siglip2(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny SigLIP 2, both towers, and return the spec of its vision tower."""
    return _dual(spec, folder, SIGLIP2, transformers.SiglipConfig, transformers.SiglipModel)


def dinov2(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny DINOv2, with registers where the id says so, and return its spec."""
    size = _size(spec, DINOV2)
    if not has_registers(spec.id):
        return _write(spec, folder, lambda: transformers.Dinov2Model(transformers.Dinov2Config(**size)))
    config = transformers.Dinov2WithRegistersConfig(**size, num_register_tokens=REGISTERS)
    return _write(spec, folder, lambda: transformers.Dinov2WithRegistersModel(config))


def dinov3(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny DINOv3 and return its spec."""
    config = transformers.DINOv3ViTConfig(**_size(spec, DINOV3), num_register_tokens=REGISTERS)
    return _write(spec, folder, lambda: transformers.DINOv3ViTModel(config))


def hf(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny model of the kind that a repository's config.json describes, and return its spec.

    Raises:
        WeightsError: There is no config.json on this machine, or the library has no such vision tower.
    """
    config = load_config(config_folder(spec), spec.id)
    for name, value in SIZE.items():
        if hasattr(config, name):
            setattr(config, name, value)
    model = tower_class(config, spec.id)
    normalisation = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(normalisation), encoding="utf-8")
    return _write(spec, folder, lambda: model(config))


def _size(spec: EncoderSpec, family: Family) -> dict[str, Any]:
    return SIZE | {"image_size": family.checkpoint(spec.id).native, "patch_size": spec.patch}


def _dual(spec: EncoderSpec, folder: Path, family: Family, config: Any, model: Any) -> EncoderSpec:
    both = config(vision_config=_size(spec, family), text_config=TEXT_SIZE | TOKENS)
    return _write(spec, folder, lambda: model(both))


def _write(spec: EncoderSpec, folder: Path, build: Callable[[], Any]) -> EncoderSpec:
    with quiet_transformers():
        random_module(build).save_pretrained(folder)
    changes = {"checkpoint": str(folder), "revision": None, "channels": SIZE["hidden_size"], "parameters": None}
    return spec.model_copy(update=changes)
