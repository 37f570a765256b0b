"""The facts of well-known models, so that listing them imports nothing; tests hold them against timm.

Listed are those whose weights are pinned to a commit of the hub: a search space promises what it holds. The others are
known by their ids; their weights are what the hub's cache has as main when they are first used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from visionlaw.specs import EncoderSpec, Layer
from visionlaw_timm.facts import Facts


def _plain(
    name: str,
    resolution: int,
    token: tuple[int, int],
    count: int,
    parameters: int,
    license: str,  # noqa: A002
    revision: str | None = None,
) -> Facts:
    """Return the facts of a model whose layers all have the same tokens, (patch, channels)."""
    return Facts(name, resolution, (Layer(*token),) * count, parameters, license, f"timm/{name}", revision)


def _staged(
    name: str,
    resolution: int,
    tokens: tuple[tuple[int, int], ...],
    parameters: int,
    license: str,  # noqa: A002
    revision: str | None = None,
) -> Facts:
    """Return the facts of a model whose layers differ, (patch, channels) of each."""
    layers = tuple(Layer(*token) for token in tokens)
    return Facts(name, resolution, layers, parameters, license, f"timm/{name}", revision)


_STAGES_96 = ((4, 96), (8, 192), (16, 384), (32, 768))
_STAGES_128 = ((4, 128), (8, 256), (16, 512), (32, 1024))
_SAM = (((16, 768),) * 11) + ((16, 256),)
_RESNET = ((2, 64), (4, 256), (8, 512), (16, 1024), (32, 2048))

# Facts, description, tags. Revisions are commits of the hub that public projects pin, with model.safetensors in them;
# where none could be found, there is none: a commit is never guessed.
KNOWN: tuple[tuple[Facts, str, tuple[str, ...]], ...] = (
    (
        _plain("vit_small_patch16_224.augreg_in21k", 224, (16, 384), 12, 21_665_664, "apache-2.0"),
        "ViT-S/16, supervised on ImageNet-21k (AugReg).",
        ("vit", "supervised"),
    ),
    (
        _plain(
            "vit_base_patch16_224.augreg2_in21k_ft_in1k",
            224,
            (16, 768),
            12,
            85_798_656,
            "apache-2.0",
            "063c6c38a5d8510b2e57df480445e94b231dad2c",
        ),
        "ViT-B/16, supervised on ImageNet-21k, finetuned on ImageNet-1k (AugReg).",
        ("vit", "supervised"),
    ),
    (
        _plain(
            "vit_large_patch16_224.augreg_in21k_ft_in1k",
            224,
            (16, 1024),
            24,
            303_301_632,
            "apache-2.0",
            "0930ab3308b84cb2ae091a4a80703c459412a4c7",
        ),
        "ViT-L/16, supervised on ImageNet-21k, finetuned on ImageNet-1k (AugReg).",
        ("vit", "supervised"),
    ),
    (
        _plain("vit_base_patch16_224.mae", 224, (16, 768), 12, 85_798_656, "cc-by-nc-4.0"),
        "ViT-B/16, masked autoencoder (MAE).",
        ("vit", "self-supervised"),
    ),
    (
        _plain("vit_base_patch16_224.dino", 224, (16, 768), 12, 85_798_656, "apache-2.0"),
        "ViT-B/16, self-distilled (DINO).",
        ("vit", "self-supervised"),
    ),
    (
        _plain(
            "vit_base_patch14_dinov2.lvd142m",
            518,
            (14, 768),
            12,
            86_579_712,
            "apache-2.0",
            "4685c99dabffe5affac90bd99dbffd25801ae58d",
        ),
        "ViT-B/14, DINOv2.",
        ("vit", "self-supervised"),
    ),
    (
        _plain(
            "vit_large_patch14_reg4_dinov2.lvd142m",
            518,
            (14, 1024),
            24,
            304_370_688,
            "apache-2.0",
            "f3c408e77602bb412aa65fb03dfa0d5f95cb3832",
        ),
        "ViT-L/14, DINOv2 with four registers.",
        ("vit", "self-supervised", "registers"),
    ),
    (
        _plain(
            "vit_small_patch16_dinov3.lvd1689m",
            256,
            (16, 384),
            12,
            21_586_944,
            "dinov3-license",
            "3bf4720a82ec2066db88137180ff1f83a675cef0",
        ),
        "ViT-S/16, DINOv3.",
        ("vit", "self-supervised", "registers"),
    ),
    (
        _plain(
            "vit_large_patch16_dinov3.lvd1689m",
            256,
            (16, 1024),
            24,
            303_079_424,
            "dinov3-license",
            "30c1109559f65dea34316b0d4842d35c5771fe11",
        ),
        "ViT-L/16, DINOv3.",
        ("vit", "self-supervised", "registers"),
    ),
    (
        _plain("vit_so400m_patch14_siglip_384.webli", 384, (14, 1152), 27, 412_987_248, "apache-2.0"),
        "ViT-SO400M/14, SigLIP.",
        ("vit", "image-text"),
    ),
    (
        _plain(
            "vit_so400m_patch14_siglip_224.v2_webli",
            224,
            (14, 1152),
            27,
            412_442_352,
            "apache-2.0",
            "897c2e2e04a678247ec4d1c12cd267c5f9073395",
        ),
        "ViT-SO400M/14, SigLIP 2.",
        ("vit", "image-text"),
    ),
    (
        _plain("eva02_base_patch14_224.mim_in22k", 224, (14, 768), 12, 85_757_184, "mit"),
        "EVA-02-B/14, masked image modelling.",
        ("eva", "self-supervised"),
    ),
    (
        _plain("eva02_large_patch14_448.mim_m38m_ft_in22k_in1k", 448, (14, 1024), 24, 304_053_184, "mit"),
        "EVA-02-L/14, masked image modelling, finetuned on ImageNet.",
        ("eva", "supervised"),
    ),
    (
        _plain("vit_large_patch16_radio_v3.c_radio", 512, (16, 1024), 24, 304_202_752, "nvidia-open-model-license"),
        "ViT-L/16, C-RADIO v3: distilled from several foundation models.",
        ("vit", "distilled", "radio"),
    ),
    (
        _staged(
            "samvit_base_patch16.sa1b", 1024, _SAM, 89_670_912, "apache-2.0", "c6db726d87cbba7788e026776b46c5db3aa1594b"
        ),
        "The image encoder of Segment Anything, ViT-B/16.",
        ("vit", "segmentation", "sam"),
    ),
    (
        _staged("hiera_base_224.mae", 224, _STAGES_96, 50_754_432, "cc-by-nc-4.0"),
        "Hiera-B, masked autoencoder.",
        ("hierarchical", "self-supervised"),
    ),
    (
        _staged("swin_base_patch4_window7_224.ms_in22k", 224, _STAGES_128, 86_743_224, "mit"),
        "Swin-B, supervised on ImageNet-22k.",
        ("swin", "hierarchical", "supervised"),
    ),
    (
        _staged("convnext_base.fb_in22k", 224, _STAGES_128, 87_564_416, "apache-2.0"),
        "ConvNeXt-B, supervised on ImageNet-22k.",
        ("convnext", "hierarchical", "supervised"),
    ),
    (
        _staged(
            "convnextv2_base.fcmae_ft_in22k_in1k",
            224,
            _STAGES_128,
            87_690_752,
            "cc-by-nc-4.0",
            "9e250ed8f88b436472d2b24af26f82a8aa8c719d",
        ),
        "ConvNeXt V2-B, masked autoencoder, finetuned on ImageNet.",
        ("convnext", "hierarchical", "supervised"),
    ),
    (
        _staged("resnet50.a1_in1k", 224, _RESNET, 23_508_032, "apache-2.0", "767268603ca0cb0bfe326fa87277f19c419566ef"),
        "ResNet-50, supervised on ImageNet-1k.",
        ("resnet", "hierarchical", "supervised"),
    ),
)


def listed() -> Iterator[EncoderSpec]:
    """Return the specs of the pinned ones, at their own resolution."""
    return (facts.spec(description, tags) for facts, description, tags in KNOWN if facts.revision is not None)


def known(encoder_id: str) -> EncoderSpec | None:
    """Return the spec of one that is known at its own resolution, listed or not."""
    found = (facts.spec(description, tags) for facts, description, tags in KNOWN if facts.id == encoder_id)
    return next(found, None)


def with_weights(facts: Facts) -> Facts:
    """Return facts along with what is known of the weights at any resolution: the pinned commit."""
    pinned = {same.name: same.revision for same, _, _ in KNOWN}
    return replace(facts, revision=pinned.get(facts.name))
