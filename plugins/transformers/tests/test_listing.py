"""What is listed and resolved, without any weights."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import torch
import transformers

from visionlaw.errors import InvalidIdError, UnknownIdError
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw_transformers import clip, dinov2, dinov3, siglip, siglip2

FAMILIES = (clip, siglip, siglip2, dinov2, dinov3)
SPECS = {spec.id: spec for family in FAMILIES for spec in family.visionlaw_encoders()}


def test_listing_imports_nothing_heavy() -> None:
    modules = ", ".join(f"visionlaw_transformers.{name}" for name in ("clip", "siglip", "siglip2", "dinov2", "dinov3"))
    code = (
        f"import sys, visionlaw_transformers.hf, {modules}\n"
        f"print(sum(len(list(m.visionlaw_encoders())) for m in ({modules})))\n"
        "visionlaw_transformers.clip.visionlaw_resolve('clip/vit-l-14@448')\n"
        "heavy = ('torch', 'numpy', 'PIL', 'transformers', 'huggingface_hub', 'safetensors', 'timm')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == [str(len(SPECS)), "[]"]


def test_specs_survive_json() -> None:
    for spec in SPECS.values():
        assert EncoderSpec.model_validate_json(spec.model_dump_json()) == spec


def test_all_are_installed_and_none_is_refused(registry: Registry) -> None:
    installed = {entry.spec.id for entry in registry.entries("encoder")}
    assert installed >= set(SPECS)
    ours = [record for record in registry.plugins if record.distribution == "visionlaw-transformers"]
    assert {record.name: record.status for record in ours} == dict.fromkeys(
        ("clip", "siglip", "siglip2", "dinov2", "dinov3", "hf"), "ok"
    )


@pytest.mark.parametrize(
    ("encoder", "checkpoint", "grid", "channels"),
    [
        ("clip/vit-l-14@224", "openai/clip-vit-large-patch14", 16, 1024),
        ("clip/vit-l-14@336", "openai/clip-vit-large-patch14-336", 24, 1024),
        ("siglip/base-16@224", "google/siglip-base-patch16-224", 14, 768),
        ("siglip/large-16@256", "google/siglip-large-patch16-256", 16, 1024),
        ("siglip2/large-16@256", "google/siglip2-large-patch16-256", 16, 1024),
        ("dinov2/large@224", "facebook/dinov2-large", 16, 1024),
        ("dinov2/large@336", "facebook/dinov2-large", 24, 1024),
    ],
)
def test_the_settings_of_the_publications(encoder: str, checkpoint: str, grid: int, channels: int) -> None:
    """PROTOCOLS §1."""
    spec = SPECS[encoder]
    assert (spec.checkpoint, spec.grid, spec.channels) == (checkpoint, (grid, grid), channels)
    assert spec.resize == "squash"


def test_everything_listed_is_pinned_to_a_commit() -> None:
    for spec in SPECS.values():
        assert re.fullmatch("[0-9a-f]{40}", spec.revision or ""), spec.id


WIDTHS = {768: (12, 12, 3072), 1024: (24, 16, 4096), 1152: (27, 16, 4304), 1536: (40, 16, 6144)}
DINOV3: dict[str, dict[str, Any]] = {
    "small": {"num_attention_heads": 6, "intermediate_size": 1536},
    "small-plus": {"num_attention_heads": 6, "intermediate_size": 1536, "use_gated_mlp": True},
    "base": {"num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"num_attention_heads": 16, "intermediate_size": 4096, "num_hidden_layers": 24},
    "huge-plus": {
        "num_attention_heads": 20,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "use_gated_mlp": True,
    },
    "7b": {
        "num_attention_heads": 32,
        "intermediate_size": 8192,
        "num_hidden_layers": 40,
        "use_gated_mlp": True,
        "query_bias": False,
        "value_bias": False,
    },
}


def published_model(spec: EncoderSpec) -> Any:
    """Return the tower of a spec from its published configuration, on the meta device: shapes without weights."""
    prefix, _, rest = spec.id.partition("/")
    name = rest.partition("@")[0]
    native = {"clip": clip, "siglip": siglip, "siglip2": siglip2, "dinov2": dinov2, "dinov3": dinov3}[prefix]
    common = {
        "hidden_size": spec.channels,
        "patch_size": spec.patch,
        "image_size": native.FAMILY.checkpoint(spec.id).native,
    }
    if prefix == "dinov3":
        return transformers.DINOv3ViTModel(
            transformers.DINOv3ViTConfig(**common, num_register_tokens=4, **DINOV3[name])
        )
    if prefix == "dinov2":
        depth = {"small": (12, 6), "base": (12, 12), "large": (24, 16), "giant": (40, 24)}[name.removesuffix("-reg")]
        common |= {"num_hidden_layers": depth[0], "num_attention_heads": depth[1]}
        common |= {"use_swiglu_ffn": name.startswith("giant")}
        if name.endswith("-reg"):
            return transformers.Dinov2WithRegistersModel(
                transformers.Dinov2WithRegistersConfig(**common, num_register_tokens=4)
            )
        return transformers.Dinov2Model(transformers.Dinov2Config(**common))
    layers, heads, hidden = WIDTHS[spec.channels]
    common |= {"num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": hidden}
    if prefix == "clip":
        return transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**common))
    return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**common, vision_use_head=False))


@pytest.mark.parametrize("encoder", SPECS)
def test_the_number_of_parameters_is_that_of_the_published_configuration(encoder: str) -> None:
    with torch.device("meta"):
        model = published_model(SPECS[encoder])

    assert SPECS[encoder].parameters == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("encoder", "checkpoint", "grid"),
    [
        ("dinov2/large@448", "facebook/dinov2-large", 32),
        ("dinov2/base-reg@14", "facebook/dinov2-with-registers-base", 1),
        ("dinov3/large@1024", "facebook/dinov3-vitl16-pretrain-lvd1689m", 64),
        ("clip/vit-l-14@280", "openai/clip-vit-large-patch14", 20),
        ("clip/vit-l-14@448", "openai/clip-vit-large-patch14-336", 32),
        ("clip/vit-l-14@112", "openai/clip-vit-large-patch14", 8),
        ("siglip/base-16@320", "google/siglip-base-patch16-256", 20),
        ("siglip2/so400m-14@392", "google/siglip2-so400m-patch14-384", 28),
    ],
)
def test_other_resolutions_are_resolved_to_the_weights_next_below(
    registry: Registry, encoder: str, checkpoint: str, grid: int
) -> None:
    spec = registry.encoder_spec(encoder)
    assert (spec.id, spec.checkpoint, spec.grid) == (encoder, checkpoint, (grid, grid))


def test_a_native_resolution_need_be_no_multiple_of_the_patch(registry: Registry) -> None:
    """384 px in patches of 14: the convolution leaves the last 6 pixels out."""
    assert registry.encoder_spec("siglip/so400m-14@384").grid == (27, 27)


@pytest.mark.parametrize(
    ("encoder", "near"),
    [
        ("dinov2/large@225", "Take 'dinov2/large@224' or 'dinov2/large@238'."),
        ("clip/vit-b-32@100", "Take 'clip/vit-b-32@96' or 'clip/vit-b-32@128'."),
        ("dinov3/base@7", "Take 'dinov3/base@16'."),
    ],
)
def test_a_resolution_that_is_no_multiple_is_told_with_the_nearest(registry: Registry, encoder: str, near: str) -> None:
    with pytest.raises(InvalidIdError, match="has no whole number of patches") as told:
        registry.get("encoder", encoder)
    assert told.value.remedy == near
    assert {record.status for record in registry.plugins} == {"ok"}


def test_a_size_that_is_not_published_is_unknown(registry: Registry) -> None:
    with pytest.raises(UnknownIdError, match="Did you mean 'dinov2/large@224'"):
        registry.get("encoder", "dinov2/larg@224")


def test_the_options_are_those_that_all_encoders_share(registry: Registry) -> None:
    assert registry.options("encoder", "clip/vit-l-14@224?layer=-2&mode=strict") == {"layer": -2, "mode": "strict"}
    assert registry.encoder_spec("clip/vit-l-14@224?layer=-2").layer == -2
    with pytest.raises(InvalidIdError, match="one of strict, reference"):
        registry.options("encoder", "dinov2/large@224?mode=publishd")
