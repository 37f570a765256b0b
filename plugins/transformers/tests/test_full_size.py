"""The published sizes, with random weights: no download, but the shapes and the cost of the real thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from visionlaw.features.encoders import encoder_ref
from visionlaw.registry import Registry


def clip_large() -> Any:
    size = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    return transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**size, image_size=224, patch_size=14))


def dinov2_large() -> Any:
    size = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
    return transformers.Dinov2Model(transformers.Dinov2Config(**size, image_size=518, patch_size=14))


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "build"), [("clip/vit-l-14@224", clip_large), ("dinov2/large@224", dinov2_large)])
def test_sixteen_by_sixteen_tokens_of_1024_channels(
    registry: Registry, tmp_path: Path, encoder: str, build: Callable[[], Any]
) -> None:
    """PROTOCOLS §1."""
    with torch.device("meta"):
        model = build()
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        values = torch.empty(parameter.shape, dtype=torch.bfloat16).uniform_(-0.02, 0.02, generator=generator)
        parameter.data = values + 1 if "norm" in name and name.endswith("weight") else values
    model.save_pretrained(tmp_path)
    reference = encoder_ref(registry, encoder, checkpoint=tmp_path)
    del model

    loaded = reference.load()
    inputs, geometry = loaded.preprocess(Image.effect_noise((300, 200), 80))
    with torch.inference_mode():
        tokens = loaded.encode(inputs[None])

    assert geometry.grid == (16, 16)
    assert tokens.shape == (1, 256, 1024)
    assert bool(torch.isfinite(tokens).all())
    assert tokens.std(dim=1).mean() > 1e-4
