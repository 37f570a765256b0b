"""Tiny models of OpenCLIP with random weights, in the places where real ones are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from visionlaw.specs import EncoderSpec, Layer
from visionlaw_openclip import catalogue
from visionlaw_openclip.facts import Facts
from visionlaw_openclip.tiny import EMBEDDING, RESNET, TRANSFORMER
from visionlaw_openclip.tiny import save as save_model
from visionlaw_openclip.tower import build_tower

os.environ["HF_HUB_OFFLINE"] = "1"

VISIONS: dict[str, dict[str, Any]] = {
    "vit": TRANSFORMER | {"image_size": 56, "patch_size": 14},
    "timm": {"timm_model_name": "test_vit", "image_size": 160, "timm_pool": "", "timm_proj": "linear"},
    "convnext": {"timm_model_name": "test_convnext", "image_size": 160, "timm_pool": "", "timm_proj": "linear"},
    "resnet": RESNET | {"image_size": 64},
}
STAGES = {
    "convnext": ((4, 24), (8, 32), (16, 48), (32, 64)),
    "resnet": ((4, 8), (4, 32), (8, 64), (16, 128), (32, 256)),
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves a random model of a kind as a folder of open_clip's."""

    def write(kind: str = "vit", folder: str = "checkpoint", quick_gelu: bool = False, **changes: Any) -> Path:
        path = tmp_path / folder
        save_model({"embed_dim": EMBEDDING, "vision_cfg": VISIONS[kind] | changes, "quick_gelu": quick_gelu}, path)
        return path

    return write


@pytest.fixture
def spec_of() -> Callable[..., EncoderSpec]:
    """Return a function that gives the spec of a kind at a resolution, with a folder as its checkpoint."""

    def spec(kind: str, folder: Path | None = None, resolution: int | None = None) -> EncoderSpec:
        vision = VISIONS[kind]
        resolution = resolution or vision["image_size"]
        tower = build_tower({"embed_dim": EMBEDDING, "vision_cfg": vision}, resolution)
        tower.resize(resolution)
        tokens = STAGES.get(kind) or ((14, 32),) * 4 if kind != "timm" else ((16, 64),) * 6
        facts = Facts(
            model=kind,
            pretrained="random",
            resolution=resolution,
            layers=tuple(Layer(*token) for token in tokens),
            parameters=tower.parameters,
            repository=str(folder) if folder else "visionlaw/tiny",
            transformer=tower.transformer,
        )
        return facts.spec(f"tiny-{kind}")

    return spec


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, spec_of: Callable[..., EncoderSpec]) -> EncoderSpec:
    """List a tiny vision transformer along with the real ones, as 'openclip/tiny@56' of the hub's 'visionlaw/tiny'."""
    tower = build_tower({"embed_dim": EMBEDDING, "vision_cfg": VISIONS["vit"]}, 56)
    revision = "0123456789abcdef0123456789abcdef01234567"
    facts = Facts("tiny", "random", 56, (Layer(14, 32),) * 4, tower.parameters, "visionlaw/tiny", True, "MIT", revision)
    monkeypatch.setitem(catalogue.KNOWN, "tiny", (facts, "", ()))
    return facts.spec("tiny")
