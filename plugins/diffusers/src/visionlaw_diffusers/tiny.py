"""Tiny pipelines for the checks: as many levels and blocks as a spec's tokens need, a few channels each, random.

They are saved component by component, as the published ones are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from torch import nn
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from visionlaw.specs import EncoderSpec, Variant
from visionlaw.testing.random_weights import random_module
from visionlaw_diffusers.components import quiet

SCALE, FAINT = 0.15, 0.03
SPREAD, LOG_VARIANCE = 5.0, -15.0
"""Of latents: standard deviation over an image, and what trained VAEs say about how uncertain each is."""
NARROW, WIDE = 8, 16
MOST_ATTENDED = 32
"""Largest side of a map with attention: 96×96 latents attending to each other would not be tiny."""
BETAS: dict[str, Any] = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
PATCH, FOLD = 2, 2
"""Of transformers, in latents and in tokens per side."""


@dataclass(frozen=True)
class Latents:
    """What the VAE makes of an image: ``levels`` maps, each half as wide as the one before, the last ``side`` wide."""

    levels: int
    side: int


def sd(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny Stable Diffusion and return its spec."""
    with quiet():
        PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1).save_pretrained(folder / "scheduler")
        _text_encoder(folder, "", CLIPTextModel, 12, 8, "<|endoftext|>")
        return _unet(spec, folder, cross_attention_dim=12)


def variations(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny Stable Diffusion Image Variations and return its spec."""
    config = CLIPVisionConfig(
        hidden_size=12, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    config.projection_dim = 10
    with quiet():
        PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1).save_pretrained(folder / "scheduler")
        # Faint weights: what the image is taken for as a whole must not change more than a patch that changed.
        _save(folder / "image_encoder", lambda: CLIPVisionModelWithProjection(config), FAINT)
        CLIPImageProcessor(size={"shortest_edge": 28}).save_pretrained(folder / "feature_extractor")
        return _unet(spec, folder, cross_attention_dim=10)


def sdxl(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny Stable Diffusion XL and return its spec."""
    with quiet():
        EulerDiscreteScheduler(**BETAS).save_pretrained(folder / "scheduler")
        _text_encoder(folder, "", CLIPTextModel, 12, 8, "<|endoftext|>")
        _text_encoder(folder, "_2", CLIPTextModelWithProjection, 8, 6, "!")
        return _unet(
            spec,
            folder,
            vae={"force_upcast": True},
            cross_attention_dim=12 + 8,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=6 + 6 * 4,
            use_linear_projection=True,
        )


def dit(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny DiT and return its spec."""
    latents = _latents(spec, spec.patch // (PATCH * FOLD))
    with quiet():
        DDIMScheduler(beta_schedule="linear").save_pretrained(folder / "scheduler")
        _vae(folder, latents)
        _save(
            folder / "transformer",
            lambda: DiTTransformer2DModel(
                num_attention_heads=2,
                attention_head_dim=NARROW,
                num_layers=4,
                sample_size=latents.side,
                norm_num_groups=4,
                out_channels=8,
                num_embeds_ada_norm=10,
            ),
        )
    return _told(spec, folder, FOLD * FOLD * 2 * NARROW, {})


def sd3(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write a tiny Stable Diffusion 3, without its T5, and return its spec."""
    latents = _latents(spec, spec.patch // (PATCH * FOLD))
    with quiet():
        FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(folder / "scheduler")
        _text_encoder(folder, "", CLIPTextModelWithProjection, 12, 8, "<|endoftext|>")
        _text_encoder(folder, "_2", CLIPTextModelWithProjection, 8, 6, "!")
        plain = {"use_quant_conv": False, "use_post_quant_conv": False}
        _vae(folder, latents, latent_channels=16, shift_factor=0.0609, scaling_factor=1.5305, **plain)
        _save(
            folder / "transformer",
            lambda: SD3Transformer2DModel(
                sample_size=2 * latents.side,
                num_layers=4,
                attention_head_dim=NARROW,
                num_attention_heads=2,
                joint_attention_dim=24,
                caption_projection_dim=2 * NARROW,
                pooled_projection_dim=8 + 6,
                pos_embed_max_size=3 * latents.side // 2,
            ),
        )
    return _told(spec, folder, FOLD * FOLD * 2 * NARROW, {})


def _latents(spec: EncoderSpec, factor: int) -> Latents:
    return Latents(factor.bit_length(), spec.resolution // factor)


def _unet(spec: EncoderSpec, folder: Path, vae: dict[str, Any] | None = None, **more: Any) -> EncoderSpec:
    """Write VAE and U-Net, with as many levels as the spec has blocks; return the spec."""
    levels = sum(name.startswith("block=") for name in spec.variants)
    latents = _latents(spec, spec.of({"block": levels - 1}).patch)
    _vae(folder, latents, **(vae or {}))
    attends = [latents.side >> level <= MOST_ATTENDED for level in range(levels - 1)] + [False]
    widths = (*(NARROW,) * (levels - 2), WIDE, WIDE)

    def build() -> UNet2DConditionModel:
        return UNet2DConditionModel(
            sample_size=latents.side,
            block_out_channels=widths,
            layers_per_block=1,
            down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends),
            up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)),
            attention_head_dim=2,
            norm_num_groups=4,
            **more,
        )

    network = random_module(build, SCALE)
    _balance(network)
    network.save_pretrained(folder / "unet")
    patches = [spec.of({"block": block}).patch for block in range(levels)]
    told = zip(patches, reversed(widths), strict=True)
    variants = {f"block={i}": Variant(patch=patch, channels=width) for i, (patch, width) in enumerate(told)}
    return _told(spec, folder, widths[-1], variants)


def _told(spec: EncoderSpec, folder: Path, channels: int, variants: dict[str, Variant]) -> EncoderSpec:
    changes = {"checkpoint": str(folder), "revision": None, "parameters": None}
    return spec.model_copy(update=changes | {"channels": channels, "variants": variants})


def _vae(folder: Path, latents: Latents, latent_channels: int = 4, **more: Any) -> None:
    def build() -> AutoencoderKL:
        return AutoencoderKL(
            block_out_channels=(NARROW,) * latents.levels,
            down_block_types=("DownEncoderBlock2D",) * latents.levels,
            up_block_types=("UpDecoderBlock2D",) * latents.levels,
            layers_per_block=0,  # only its middle has some: 768×768 pixels are many
            latent_channels=latent_channels,
            mid_block_add_attention=latents.side <= MOST_ATTENDED,
            norm_num_groups=4,
            **more,
        )

    vae = random_module(build, SCALE)
    _calm(vae)
    vae.save_pretrained(folder / "vae")
    if "force_upcast" not in more:  # as in configurations that are older than it
        path = folder / "vae" / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        del config["force_upcast"]
        path.write_text(json.dumps(config), encoding="utf-8")


@torch.no_grad()
def _calm(vae: Any) -> None:
    """Give latents hardly any deviation, as trained VAEs do, and a spread, once scaled, above that of trained ones, 1.

    Otherwise the noise, which is another one all over when a few pixels change, would drown the change: a network of
    random weights does not take it away.
    """
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean = vae.encode(noise).latent_dist.mean
    last = vae.encoder.conv_out if vae.quant_conv is None else vae.quant_conv
    count = mean.shape[1]
    last.weight[:count] *= SPREAD / (mean.std() * vae.config.scaling_factor)
    last.weight[count:] = 0
    last.bias[:] = 0
    last.bias[count:] = LOG_VARIANCE


@torch.no_grad()
def _balance(network: nn.Module) -> None:
    """Make kernels symmetric, since random ones shift what they see to one side, and trained ones do not."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            rows = module.weight + module.weight.flip(-2)
            module.weight.copy_((rows + rows.flip(-1)) / 4)


def _text_encoder(folder: Path, suffix: str, cls: Any, width: int, projection: int, pad: str) -> None:
    config = CLIPTextConfig(
        vocab_size=55,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=projection,
        bos_token_id=53,
        eos_token_id=54,
        pad_token_id=54,
    )
    _save(folder / f"text_encoder{suffix}", lambda: cls(config))
    _tokenizer(folder / f"tokenizer{suffix}", pad)


def _tokenizer(folder: Path, pad: str) -> None:
    letters = [chr(code) for code in range(97, 123)]
    words = ["!", *letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    tokenizer: Any = CLIPTokenizer.from_pretrained(str(folder), model_max_length=77, pad_token=pad, **special)
    tokenizer.save_pretrained(folder)


def _save(folder: Path, build: Callable[[], Any], scale: float = SCALE) -> None:
    random_module(build, scale).save_pretrained(folder)
