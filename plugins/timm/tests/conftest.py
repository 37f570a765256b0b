"""Tiny models of timm with random weights, in the places where real ones are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from visionlaw.specs import EncoderSpec, Layer
from visionlaw_timm.backbone import Backbone
from visionlaw_timm.facts import Facts
from visionlaw_timm.tiny import PLAIN, STAGED
from visionlaw_timm.tiny import save as save_model

os.environ["HF_HUB_OFFLINE"] = "1"

# Kind: name, resolution, arguments that make it tiny, tokens (patch, channels) of its layers, prefix tokens.
MODELS: dict[str, tuple[str, int, dict[str, Any], tuple[tuple[int, int], ...]]] = {
    "vit": ("test_vit.r160_in1k", 160, {}, ((16, 64),) * 6),
    "registers": (
        "vit_small_patch14_reg4_dinov2.lvd142m",
        56,
        {**PLAIN, "img_size": 56, "init_values": 1.0},
        ((14, 32),) * 4,
    ),
    "siglip": ("vit_base_patch16_siglip_224.webli", 64, {**PLAIN, "img_size": 64}, ((16, 32),) * 4),
    "eva": ("eva02_tiny_patch14_224.mim_in22k", 56, {**PLAIN, "img_size": 56}, ((14, 32),) * 4),
    "sam": (
        "samvit_base_patch16.sa1b",
        64,
        {**PLAIN, "img_size": 64, "global_attn_indexes": (1,)},
        (((16, 32),) * 3) + ((16, 256),),
    ),
    "swin": (
        "swin_tiny_patch4_window7_224.ms_in1k",
        96,
        {**STAGED, "window_size": 3, "img_size": 96},
        ((4, 16), (8, 32), (16, 64), (32, 128)),
    ),
    "convnext": ("test_convnext.r160_in1k", 160, {}, ((4, 24), (8, 32), (16, 48), (32, 64))),
    "resnet": ("test_resnet.r160_in1k", 160, {}, ((2, 32), (4, 32), (8, 48), (16, 192), (32, 96))),
    "hiera": (
        "hiera_tiny_224.mae",
        64,
        {"embed_dim": 16, "num_heads": 1, "stages": (1, 1, 2, 1), "img_size": (64, 64)},
        ((4, 16), (8, 32), (16, 64), (32, 128)),
    ),
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves a random model of a kind as a folder of timm's."""

    def write(kind: str, folder: str = "checkpoint", **changes: Any) -> Path:
        name, _, arguments, _ = MODELS[kind]
        path = tmp_path / folder
        save_model(name, path, arguments | changes)
        return path

    return write


@pytest.fixture
def spec_of() -> Callable[..., EncoderSpec]:
    """Return a function that gives the spec of a kind at a resolution, with a folder as its checkpoint."""

    def spec(kind: str, folder: Path, resolution: int | None = None) -> EncoderSpec:
        name, own, arguments, tokens = MODELS[kind]
        resolution = resolution or own
        if "img_size" in arguments:
            arguments = arguments | {"img_size": resolution}
        elif kind == "vit":
            arguments = {"img_size": resolution}
        model = Backbone(timm.create_model(name, pretrained=False, **arguments))
        layers = tuple(Layer(*token) for token in tokens)
        return Facts(name, resolution, layers, model.parameters, "apache-2.0", str(folder)).spec()

    return spec
