"""What is listed, and that the published configurations give just that."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, DiTTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from visionlaw.specs import EncoderSpec
from visionlaw_diffusers.conditioning import Constant, OwnImage, WithSize
from visionlaw_diffusers.denoisers import Transformer, UNet
from visionlaw_diffusers.encoder import OneStep
from visionlaw_diffusers.latents import LatentEncoder

SETTINGS = {
    "sd/1.5@768": (24, 1280),
    "sd/2.1@768": (24, 1280),
    "sd/variations@768": (24, 1280),
    "sdxl/base@512": (32, 1280),
    "dit/xl-2@512": (16, 4608),
    "sd3/medium@512": (16, 6144),
}
UNETS = ["sd/1.5@768", "sd/2.1@768", "sd/variations@768", "sdxl/base@512"]
TRANSFORMERS = {"dit/xl-2@512": DiTTransformer2DModel, "sd3/medium@512": SD3Transformer2DModel}


def test_the_settings_of_both_publications_are_listed(listed: dict[str, EncoderSpec]) -> None:
    found = {name: (*set(spec.grid), spec.channels) for name, spec in listed.items()}
    assert found == SETTINGS


def test_listing_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "diffusers", "transformers", "accelerate", "PIL", "huggingface_hub", "safetensors")
    code = (
        "import sys\nfrom visionlaw_diffusers import sd, sdxl, dit, sd3\n"
        "specs = [s for m in (sd, sdxl, dit, sd3) for s in m.visionlaw_encoders()]\n"
        f"print(len(specs), [m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "6 []"


def test_specs_survive_json_and_pin_their_weights(listed: dict[str, EncoderSpec]) -> None:
    for spec in listed.values():
        assert EncoderSpec.model_validate_json(spec.model_dump_json()) == spec
        assert spec.revision is not None
        assert len(spec.revision) == 40
        weights = [name for name in spec.files if "model" in name]
        assert weights
        assert all(name.endswith(".safetensors") for name in weights)


def half_vae(published: dict[str, Any], name: str) -> tuple[LatentEncoder, tuple[int, ...]]:
    """Return the published VAE's encoder on the meta device, and the shape of its latents."""
    vae: Any = AutoencoderKL(**published["vaes"][name])
    side = int(name.partition("@")[2])
    _, channels, h, w = vae.encoder(torch.empty(1, 3, side, side)).shape
    return LatentEncoder(vae.encoder, vae.quant_conv, 1, 0, False), (1, channels // 2, h, w)


def unet_of(published: dict[str, Any], name: str, block: int) -> tuple[UNet, dict[str, Any]]:
    config = published["unets"][name]
    network = UNet2DConditionModel(**config)
    prompt = torch.empty(1, 77, config["cross_attention_dim"])
    if name == "sdxl/base@512":
        conditions = {"encoder_hidden_states": prompt, "text_embeds": torch.empty(1, 1280)}
        condition = WithSize(conditions | {"time_ids": torch.empty(1, 6)})
    else:
        condition = Constant({"encoder_hidden_states": prompt})
    given = condition(torch.empty(1))
    if name == "sd/variations@768":
        images = CLIPVisionModelWithProjection(CLIPVisionConfig(**published["image_encoder"]))
        condition = OwnImage(images, None, None)
    return UNet(network, condition, block), given


@pytest.mark.parametrize("name", UNETS)
def test_every_block_of_the_published_unets_has_its_declared_tokens(
    name: str, listed: dict[str, EncoderSpec], published: dict[str, Any]
) -> None:
    spec = listed[name]
    assert spec.options["block"].default == 0
    with torch.device("meta"), torch.no_grad():
        latents, shape = half_vae(published, name)
        for block in range(len(published["unets"][name]["block_out_channels"])):
            assert f"block={block}" in spec.variants
            declared = spec.of({"block": block})
            unet, given = unet_of(published, name, block)
            [tokens] = unet.read(torch.empty(shape), torch.ones(1), given, [-1])
            assert tokens.shape == (1, declared.grid[0] * declared.grid[1], declared.channels)
            if block == 0:
                assert declared.grid == spec.grid
                assert sum(w.numel() for w in OneStep(latents, unet).parameters()) == spec.parameters


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_published_transformers_have_their_declared_tokens(
    name: str, listed: dict[str, EncoderSpec], published: dict[str, Any]
) -> None:
    spec, config = listed[name], published["transformers"][name]
    with torch.device("meta"), torch.no_grad():
        latents, shape = half_vae(published, name)
        if name == "dit/xl-2@512":
            conditions = {"class_labels": torch.ones(1, dtype=torch.long)}
        else:
            prompt = torch.empty(1, 154, config["joint_attention_dim"])
            pooled = torch.empty(1, config["pooled_projection_dim"])
            conditions = {"encoder_hidden_states": prompt, "pooled_projections": pooled}
        transformer = Transformer(TRANSFORMERS[name](**config), Constant(conditions))
        times = torch.ones(1, dtype=torch.long)
        every = transformer.read(torch.empty(shape), times, conditions, [0, -1])
    assert {tuple(tokens.shape) for tokens in every} == {(1, spec.grid[0] * spec.grid[1], spec.channels)}
    assert sum(w.numel() for w in OneStep(latents, transformer).parameters()) == spec.parameters
