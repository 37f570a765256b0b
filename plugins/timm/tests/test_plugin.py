"""What is listed and what is resolved."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import pytest

from visionlaw.errors import InvalidIdError
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw_timm.catalogue import KNOWN
from visionlaw_timm.facts import Facts
from visionlaw_timm.plugin import visionlaw_encoders, visionlaw_resolve
from visionlaw_timm.resolving import measure


@pytest.mark.parametrize("facts", [facts for facts, _, _ in KNOWN], ids=lambda facts: facts.name)
def test_what_is_known_is_what_timm_says(facts: Facts) -> None:
    assert dataclasses.replace(facts, revision=None) == measure(facts.name, facts.resolution)


def test_everything_listed_is_pinned_to_a_commit() -> None:
    specs = list(visionlaw_encoders())
    assert specs
    for spec in specs:
        assert re.fullmatch("[0-9a-f]{40}", spec.revision or ""), spec.id


def test_what_is_known_and_not_pinned_is_resolved_as_it_would_be_listed() -> None:
    registry = Registry.discover()
    listed = {entry.spec.id for entry in registry.entries("encoder")}
    unpinned = [known for known in KNOWN if known[0].revision is None]

    assert unpinned
    for facts, description, tags in unpinned:
        assert facts.id not in listed
        spec = registry.encoder_spec(facts.id)
        assert (spec.id, spec.description, spec.tags, spec.revision) == (facts.id, description, tags, None)
        assert spec.model_copy(update={"description": "", "tags": ()}) == measure(facts.name, facts.resolution).spec()


def test_other_resolutions_are_of_the_same_commit() -> None:
    (native,) = (spec for spec in visionlaw_encoders() if spec.checkpoint == "timm/vit_base_patch14_dinov2.lvd142m")

    assert visionlaw_resolve("timm/vit_base_patch14_dinov2.lvd142m@224").revision == native.revision
    assert visionlaw_resolve("timm/vit_base_patch16_224.mae@384").revision is None


def test_listing_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "timm", "huggingface_hub", "PIL")
    code = (
        "import sys, visionlaw_timm.plugin as p\n"
        "specs = list(p.visionlaw_encoders())\n"
        "p.visionlaw_resolve('timm/vit_base_patch16_224.mae@224')\n"
        f"print(len(specs), [m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == f"{len(list(visionlaw_encoders()))} []"


def test_specs_survive_json() -> None:
    for spec in visionlaw_encoders():
        assert EncoderSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("encoder", "grid", "channels", "license_name"),
    [
        ("timm/vit_tiny_patch16_224.augreg_in21k@224", 14, 192, "Apache-2.0"),
        ("timm/vit_base_patch14_dinov2.lvd142m@224", 16, 768, "Apache-2.0"),
        ("timm/vit_so400m_patch14_siglip_384.webli@224", 16, 1152, "Apache-2.0"),
        ("timm/vit_small_patch16_dinov3.lvd1689m@512", 32, 384, "dinov3-license"),
        ("timm/swin_tiny_patch4_window7_224.ms_in1k@256", 8, 768, "MIT"),
        ("timm/convnext_tiny.fb_in22k@384", 12, 768, "Apache-2.0"),
        ("timm/mixer_b16_224.goog_in21k@224", 14, 768, "Apache-2.0"),
        ("timm/efficientnet_b0.ra_in1k@224", 7, 320, "Apache-2.0"),
        ("timm/mobilenetv4_conv_small.e2400_r224_in1k@256", 8, 960, "Apache-2.0"),
    ],
)
def test_any_other_is_resolved(encoder: str, grid: int, channels: int, license_name: str) -> None:
    spec = visionlaw_resolve(encoder)

    assert (spec.id, spec.grid, spec.channels, spec.license) == (encoder, (grid, grid), channels, license_name)
    assert spec.checkpoint == encoder.rpartition("@")[0]


def test_stages_differ_by_layer() -> None:
    spec = visionlaw_resolve("timm/swin_tiny_patch4_window7_224.ms_in1k@224")

    for layer in (1, -3):
        assert (spec.of({"layer": layer}).grid, spec.of({"layer": layer}).channels) == ((28, 28), 192)
    assert spec.of({"layer": 3}).channels == spec.channels


@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        (
            "timm/vit_smal_patch16_224.dino@224",
            "has no model 'vit_smal_patch16_224'. Did you mean 'vit_small_patch16_224'",
        ),
        (
            "timm/vit_small_patch16_224.nobody@224",
            "timm's 'vit_small_patch16_224' has no tag 'nobody'. Its tags: augreg",
        ),
        (
            "timm/vit_small_patch16_224@224",
            "timm's 'vit_small_patch16_224' needs a tag, so that the weights are certain.",
        ),
        ("timm/vit_huge_patch14_gap_224.in1k_ijepa@224", "has no weights as safetensors on the hub."),
        ("timm/vit_small_patch16_224.dino@225", "cannot turn 225×225 pixels into whole tokens. Its own size: timm/"),
        ("timm/convnext_tiny.fb_in22k@230", "cannot turn 230×230 pixels into whole tokens."),
        ("timm/samvit_base_patch16.sa1b@512", "cannot turn 512×512 pixels into whole tokens. Its own size: timm/"),
        ("timm/tresnet_m.miil_in21k@224", "cannot turn 224×224 pixels into whole tokens."),
    ],
)
def test_what_cannot_be_had_is_one_sentence(encoder: str, sentence: str) -> None:
    registry = Registry.discover()
    with pytest.raises(InvalidIdError) as caught:
        registry.get("encoder", encoder)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(plugin.status == "ok" for plugin in registry.plugins if plugin.name == "timm")
