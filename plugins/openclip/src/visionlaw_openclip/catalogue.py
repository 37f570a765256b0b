"""The facts of well-known towers, so that listing them imports nothing; tests hold them against open_clip.

Listed are those whose weights are pinned to a commit of the hub: a search space promises what it holds. The others are
known by their names; their weights are what the hub's cache has as main when they are first used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from visionlaw.specs import EncoderSpec, Layer
from visionlaw_openclip.facts import Facts


def _vit(
    model: str,
    pretrained: str,
    resolution: int,
    token: tuple[int, int],
    count: int,
    parameters: int,
    repository: str,
    license: str,  # noqa: A002
    revision: str | None = None,
    transformer: bool = True,
) -> Facts:
    """Return the facts of a tower whose blocks all have the same tokens, (patch, channels)."""
    layers = (Layer(*token),) * count
    return Facts(model, pretrained, resolution, layers, parameters, repository, transformer, license, revision)


_L14 = ((14, 1024), 24, 303_177_728)
_CONVNEXT_L = tuple(Layer(*token) for token in ((4, 192), (8, 384), (16, 768), (32, 1536)))

# Short name: facts, description, tags. Revisions are commits of the hub that public projects pin, with the safetensors
# in them; where none could be found, there is none: a commit is never guessed.
KNOWN: dict[str, tuple[Facts, str, tuple[str, ...]]] = {
    "vit-l-14-laion2b": (
        _vit(
            "ViT-L-14",
            "laion2b_s32b_b82k",
            224,
            *_L14,
            "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
            "MIT",
            "1627032197142fbe2a7cfec626f4ced3ae60d07a",
        ),
        "ViT-L/14, CLIP on LAION-2B; 'openclip@224' of the publications.",
        ("vit", "image-text", "published"),
    ),
    "vit-l-14-openai": (
        _vit(
            "ViT-L-14",
            "openai",
            224,
            *_L14,
            "timm/vit_large_patch14_clip_224.openai",
            "MIT",
            "18d0535469bb561bf468d76c1d73aa35156c922b",
        ),
        "ViT-L/14, OpenAI's CLIP.",
        ("vit", "image-text"),
    ),
    "vit-l-14-datacomp": (
        _vit("ViT-L-14", "datacomp_xl_s13b_b90k", 224, *_L14, "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "MIT"),
        "ViT-L/14, CLIP on DataComp-1B.",
        ("vit", "image-text"),
    ),
    "vit-b-16-datacomp": (
        _vit(
            "ViT-B-16",
            "datacomp_xl_s13b_b90k",
            224,
            (16, 768),
            12,
            85_797_888,
            "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
            "MIT",
            "05fa70d888b3dcddcaeb5906c71e35e736bc8d42",  # the hub's own conversion: main has a pickle only
        ),
        "ViT-B/16, CLIP on DataComp-1B.",
        ("vit", "image-text"),
    ),
    "vit-b-32-laion2b": (
        _vit(
            "ViT-B-32",
            "laion2b_s34b_b79k",
            224,
            (32, 768),
            12,
            87_454_464,
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            "MIT",
            "1a25a446712ba5ee05982a381eed697ef9b435cf",
        ),
        "ViT-B/32, CLIP on LAION-2B.",
        ("vit", "image-text"),
    ),
    "vit-h-14-laion2b": (
        _vit(
            "ViT-H-14",
            "laion2b_s32b_b79k",
            224,
            (14, 1280),
            32,
            630_763_520,
            "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
            "MIT",
            "1c2b8495b28150b8a4922ee1c8edee224c284c0c",
        ),
        "ViT-H/14, CLIP on LAION-2B.",
        ("vit", "image-text"),
    ),
    "vit-bigg-14-laion2b": (
        _vit(
            "ViT-bigG-14",
            "laion2b_s39b_b160k",
            224,
            (14, 1664),
            48,
            1_842_774_016,
            "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
            "MIT",
        ),
        "ViT-bigG/14, CLIP on LAION-2B.",
        ("vit", "image-text"),
    ),
    "vit-so400m-14-siglip": (
        _vit(
            "ViT-SO400M-14-SigLIP-384",
            "webli",
            384,
            (14, 1152),
            27,
            412_987_248,
            "timm/ViT-SO400M-14-SigLIP-384",
            "Apache-2.0",
            "ac16108d567c4389e6cd2b11c9b8585f7474435b",
            transformer=False,
        ),
        "ViT-SO400M/14, SigLIP on WebLI.",
        ("vit", "image-text"),
    ),
    "convnext-large-d-320-laion2b": (
        Facts(
            "convnext_large_d_320",
            "laion2b_s29b_b131k_ft_soup",
            320,
            _CONVNEXT_L,
            196_227_264,
            "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup",
            transformer=False,
            license="MIT",
            revision="654d0f80ff73c58e7281a3ca7dc425589049e2e1",
        ),
        "ConvNeXt-L, CLIP on LAION-2B: the map of its last stage.",
        ("convnext", "hierarchical", "image-text"),
    ),
}


def listed() -> Iterator[EncoderSpec]:
    """Return the specs of the pinned ones, at their own resolution."""
    for name, (facts, description, tags) in KNOWN.items():
        if facts.revision is not None:
            yield facts.spec(name, description, tags)


def known(encoder_id: str) -> EncoderSpec | None:
    """Return the spec of one that is known at its own resolution, listed or not, by its short or its full name."""
    for name, (facts, description, tags) in KNOWN.items():
        spec = facts.spec(name, description, tags)
        if encoder_id == spec.id:
            return spec
        if encoder_id == facts.id:
            return facts.spec(None, description, tags)
    return None


def with_weights(facts: Facts) -> Facts:
    """Return facts along with what is known of the weights at any resolution: licence and pinned commit."""
    for same, _, _ in KNOWN.values():
        if (same.model, same.pretrained) == (facts.model, facts.pretrained):
            return replace(facts, license=same.license, revision=same.revision)
    return facts


def model_and_tag(encoder_id: str) -> tuple[str, str]:
    """Return open_clip's names of the model and of its weights, which a short name stands for or which the id spells.

    Args:
        encoder_id: ``openclip/<short name>@<pixels>`` or ``openclip/<model>/<pretrained>@<pixels>``.
    """
    name = encoder_id.removeprefix("openclip/").rpartition("@")[0]
    if name in KNOWN:
        facts = KNOWN[name][0]
        return facts.model, facts.pretrained
    model, _, tag = name.partition("/")
    return model, tag
