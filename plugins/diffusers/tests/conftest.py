"""Tiny random pipelines of every family, saved as the real ones are, and specs that describe them."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiTTransformer2DModel,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from PIL import Image
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from visionlaw.specs import EncoderSpec
from visionlaw_diffusers import dit, sd, sd3, sdxl

SIDE = 64
LISTED = {spec.id: spec for module in (sd, sdxl, dit, sd3) for spec in module.visionlaw_encoders()}
PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "configs" / "published.json").read_text())


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def listed() -> dict[str, EncoderSpec]:
    """The specs as the plugin lists them."""
    return LISTED


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    """The configurations of the published checkpoints, as far as shapes depend on them."""
    return PUBLISHED


@dataclass(frozen=True)
class Tiny:
    """A tiny pipeline's folder and the spec of an encoder that reads it."""

    spec: EncoderSpec
    folder: Path

    def build(self, **options: Any) -> Any:
        """Load the encoder with the options of an id."""
        return pkgutil.resolve_name(self.spec.target)(self.spec, **options)


def tokenizer(folder: Path, pad: str) -> None:
    letters = [chr(code) for code in range(97, 123)]
    words = ["!", *letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    source = folder.parent / f"source_{folder.name}"
    source.mkdir(parents=True)
    (source / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (source / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    CLIPTokenizer.from_pretrained(source, model_max_length=77, pad_token=pad, **special).save_pretrained(folder)


def text_config(width: int, projection: int) -> CLIPTextConfig:
    return CLIPTextConfig(
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


def vae(folder: Path, channels: int = 4, **more: Any) -> None:
    AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        **more,
    ).save_pretrained(folder / "vae")
    if "force_upcast" not in more:  # as in configurations that are older than it
        path = folder / "vae" / "config.json"
        config = json.loads(path.read_text())
        del config["force_upcast"]
        path.write_text(json.dumps(config))


def randomised(network: torch.nn.Module) -> Any:
    """Give weights that start at zero, gates among them, a value: or a transformer's blocks would do nothing."""
    for weight in network.parameters():
        if weight.ndim > 1 or not weight.any():
            torch.nn.init.normal_(weight, std=0.15)
    return network


def unet(folder: Path, widths: tuple[int, ...], cross: int, **more: Any) -> None:
    middle = ("CrossAttnDownBlock2D",) * (len(widths) - 1)
    randomised(
        UNet2DConditionModel(
            sample_size=32,
            block_out_channels=widths,
            layers_per_block=1,
            down_block_types=(*middle, "DownBlock2D"),
            up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * (len(widths) - 1)),
            cross_attention_dim=cross,
            norm_num_groups=4,
            **({"attention_head_dim": 2} | more),
        )
    ).save_pretrained(folder / "unet")


BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


def save_sd(folder: Path) -> None:
    PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1).save_pretrained(folder / "scheduler")
    vae(folder)
    unet(folder, (8, 16, 16), 12)
    CLIPTextModel(text_config(12, 8)).save_pretrained(folder / "text_encoder")
    tokenizer(folder / "tokenizer", "<|endoftext|>")


def save_variations(folder: Path) -> None:
    PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1).save_pretrained(folder / "scheduler")
    vae(folder)
    unet(folder, (8, 16, 16), 10)
    config = CLIPVisionConfig(
        hidden_size=12, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    config.projection_dim = 10
    randomised(CLIPVisionModelWithProjection(config)).save_pretrained(folder / "image_encoder")
    CLIPImageProcessor(size={"shortest_edge": 28}).save_pretrained(folder / "feature_extractor")


def save_sdxl(folder: Path) -> None:
    EulerDiscreteScheduler(**BETAS).save_pretrained(folder / "scheduler")
    vae(folder, force_upcast=True)
    unet(
        folder,
        (8, 16, 16),
        12 + 8,
        addition_embed_type="text_time",
        addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=6 + 6 * 4,
        use_linear_projection=True,
    )
    CLIPTextModel(text_config(12, 8)).save_pretrained(folder / "text_encoder")
    CLIPTextModelWithProjection(text_config(8, 6)).save_pretrained(folder / "text_encoder_2")
    tokenizer(folder / "tokenizer", "<|endoftext|>")
    tokenizer(folder / "tokenizer_2", "!")


def save_dit(folder: Path) -> None:
    DDIMScheduler(beta_schedule="linear").save_pretrained(folder / "scheduler")
    vae(folder)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=4,
        sample_size=32,
        norm_num_groups=4,
        out_channels=8,
        num_embeds_ada_norm=10,
    )
    randomised(transformer).save_pretrained(folder / "transformer")


def save_sd3(folder: Path) -> None:
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(folder / "scheduler")
    vae(folder, 16, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5305)
    transformer = SD3Transformer2DModel(
        sample_size=64,
        num_layers=4,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=24,
        caption_projection_dim=16,
        pooled_projection_dim=8 + 6,
        pos_embed_max_size=48,
    )
    randomised(transformer).save_pretrained(folder / "transformer")
    CLIPTextModelWithProjection(text_config(12, 8)).save_pretrained(folder / "text_encoder")
    CLIPTextModelWithProjection(text_config(8, 6)).save_pretrained(folder / "text_encoder_2")
    tokenizer(folder / "tokenizer", "<|endoftext|>")
    tokenizer(folder / "tokenizer_2", "!")


BLOCKS = {
    "block=0": {"patch": 4, "channels": 16},
    "block=1": {"patch": 2, "channels": 16},
    "block=2": {"patch": 2, "channels": 8},
}
UNET = {"patch": 4, "channels": 16, "variants": BLOCKS}
FAMILIES: dict[str, tuple[str, Callable[[Path], None], dict[str, Any]]] = {
    "sd": ("sd/1.5@768", save_sd, UNET),
    "variations": ("sd/variations@768", save_variations, UNET),
    "sdxl": ("sdxl/base@512", save_sdxl, UNET),
    "dit": ("dit/xl-2@512", save_dit, {"patch": 8, "channels": 64}),
    "sd3": ("sd3/medium@512", save_sd3, {"patch": 8, "channels": 64}),
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tiny]:
    """Return a function that makes the tiny pipeline of a family, once."""
    made: dict[str, Tiny] = {}

    def make(family: str) -> Tiny:
        if family not in made:
            listed_as, save, tokens = FAMILIES[family]
            folder = tmp_path_factory.mktemp(family)
            torch.manual_seed(0)
            save(folder)
            facts = LISTED[listed_as].model_dump(exclude={"grid"}) | tokens
            name = listed_as.partition("@")[0]
            facts |= {"id": f"{name}@{SIDE}", "resolution": SIDE, "checkpoint": str(folder), "revision": None}
            made[family] = Tiny(EncoderSpec.model_validate(facts), folder)
        return made[family]

    return make


def picture(seed: int = 0) -> Image.Image:
    """A coarse random picture, 80×48."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((80, 48), Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def pictures() -> Callable[[int], list[Image.Image]]:
    return lambda count: [picture(seed) for seed in range(count)]
