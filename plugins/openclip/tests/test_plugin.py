"""What is listed and what is resolved."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import open_clip
import pytest

from visionlaw.errors import InvalidIdError
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw_openclip.catalogue import KNOWN
from visionlaw_openclip.plugin import visionlaw_encoders, visionlaw_resolve
from visionlaw_openclip.resolving import measure


def test_the_published_encoder_is_listed() -> None:
    (spec,) = (spec for spec in visionlaw_encoders() if spec.id == "openclip/vit-l-14-laion2b@224")

    assert spec.checkpoint == "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"
    assert (spec.grid, spec.channels, spec.license) == ((16, 16), 1024, "MIT")
    assert re.fullmatch("[0-9a-f]{40}", spec.revision or "")
    assert set(spec.options) == {"layer", "mode"}


def test_everything_listed_is_pinned_to_a_commit() -> None:
    specs = list(visionlaw_encoders())
    assert specs
    for spec in specs:
        assert re.fullmatch("[0-9a-f]{40}", spec.revision or ""), spec.id


def test_what_is_known_and_not_pinned_is_resolved_as_it_would_be_listed() -> None:
    registry = Registry.discover()
    listed = {entry.spec.id for entry in registry.entries("encoder")}
    unpinned = {name: known for name, known in KNOWN.items() if known[0].revision is None}

    assert unpinned
    for name, (facts, description, tags) in unpinned.items():
        short = f"openclip/{name}@{facts.resolution}"
        assert short not in listed
        measured = dataclasses.replace(measure(facts.model, facts.pretrained, facts.resolution), license=facts.license)
        assert registry.encoder_spec(short) == measured.spec(name, description, tags)
        assert registry.encoder_spec(facts.id) == measured.spec(None, description, tags)


@pytest.mark.parametrize("name", ["vit-l-14-laion2b", "ViT-L-14/laion2b_s32b_b82k"])
def test_other_resolutions_are_of_the_same_commit(name: str) -> None:
    facts = KNOWN["vit-l-14-laion2b"][0]
    spec = visionlaw_resolve(f"openclip/{name}@336")

    assert facts.revision is not None
    assert (spec.checkpoint, spec.revision, spec.license) == (facts.repository, facts.revision, "MIT")


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_is_what_open_clip_says(name: str) -> None:
    facts = KNOWN[name][0]
    assert dataclasses.replace(facts, revision=None, license=None) == measure(
        facts.model, facts.pretrained, facts.resolution
    )


def test_listing_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "open_clip", "timm", "huggingface_hub", "PIL")
    code = (
        "import sys, visionlaw_openclip.plugin as p\n"
        "specs = list(p.visionlaw_encoders())\n"
        "p.visionlaw_resolve('openclip/vit-bigg-14-laion2b@224')\n"
        f"print(len(specs), [m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == f"{len(list(visionlaw_encoders()))} []"


def test_a_full_name_of_something_listed_is_its_alias() -> None:
    registry = Registry.discover()

    assert registry.canonical("encoder", "openclip/ViT-L-14/laion2b_s32b_b82k@224") == "openclip/vit-l-14-laion2b@224"


@pytest.mark.parametrize(
    ("encoder", "grid", "channels"),
    [
        ("openclip/vit-l-14-laion2b@336", 24, 1024),
        ("openclip/ViT-L-14/laion2b_s32b_b82k@336", 24, 1024),
        ("openclip/RN50/openai@224", 7, 2048),
        ("openclip/ViT-B-16-SigLIP-512/webli@512", 32, 768),
        ("openclip/EVA02-B-16/merged2b_s8b_b131k@224", 14, 768),
        ("openclip/coca_ViT-B-32/laion2b_s13b_b90k@224", 7, 768),
        ("openclip/xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k@224", 7, 768),
        ("openclip/convnext_base_w_320/laion_aesthetic_s13b_b82k_augreg@320", 10, 1024),
    ],
)
def test_any_other_is_resolved(encoder: str, grid: int, channels: int) -> None:
    spec = visionlaw_resolve(encoder)

    assert (spec.id, spec.grid, spec.channels) == (encoder, (grid, grid), channels)
    assert EncoderSpec.model_validate_json(spec.model_dump_json()) == spec


def test_stages_differ_by_layer() -> None:
    spec = visionlaw_resolve("openclip/RN50/openai@224")

    for layer in (3, -2):
        assert (spec.of({"layer": layer}).grid, spec.of({"layer": layer}).channels) == ((14, 14), 1024)
    assert "mode" not in spec.options


@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        ("openclip/ViT-L-15/openai@224", "OpenCLIP has no model 'ViT-L-15'. Did you mean 'ViT-L-14'"),
        ("openclip/ViT-L-14/nobody@224", "OpenCLIP's 'ViT-L-14' has no weights 'nobody'."),
        ("openclip/ViT-L-14@224", "OpenCLIP's 'ViT-L-14' needs a pretrained tag."),
        ("openclip/ViTamin-S/datacomp1b@224", "The weights 'datacomp1b' of OpenCLIP's 'ViTamin-S' are pickles"),
        ("openclip/ViT-L-14/openai@230", "OpenCLIP's 'ViT-L-14' cannot turn 230×230 pixels into whole tokens."),
        ("openclip/convnext_base_w/laion2b_s13b_b82k@270", "cannot turn 270×270 pixels into whole tokens."),
        ("openclip/vit-l-14-laion2b@7", "cannot turn 7×7 pixels into whole tokens."),
    ],
)
def test_what_cannot_be_had_is_one_sentence(encoder: str, sentence: str) -> None:
    with pytest.raises(InvalidIdError, match=re.escape(sentence)) as caught:
        Registry.discover().get("encoder", encoder)
    assert "\n" not in caught.value.message


@pytest.mark.slow
def test_every_pretrained_model_is_resolved_or_refused() -> None:
    resolved = 0
    for model, tag in open_clip.list_pretrained():
        size = open_clip.get_model_config(model)["vision_cfg"]["image_size"]
        try:
            resolved += visionlaw_resolve(f"openclip/{model}/{tag}@{size}").channels > 0
        except InvalidIdError as error:
            assert "pickles" in error.message or "not on the hub" in error.message  # noqa: PT017
    assert resolved > 100
