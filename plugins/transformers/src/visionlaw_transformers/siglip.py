"""SigLIP (Zhai et al., ICCV 2023): language–image pre-training with a sigmoid loss; no class token."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_transformers.families import Checkpoint, Family

FAMILY = Family(
    prefix="siglip",
    title="SigLIP",
    license="Apache-2.0",
    tags=("language-image",),
    checkpoints={
        "base-16": (
            Checkpoint(
                "google/siglip-base-patch16-224", "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed", 16, 768, 85_797_120, 224
            ),
            Checkpoint(
                "google/siglip-base-patch16-256", "b078df89e446d623010d890864d4207fe6399f61", 16, 768, 85_843_200, 256
            ),
            Checkpoint(
                "google/siglip-base-patch16-384", "41aec1c83b32e0a6fca20ad88ba058aa5b5ea394", 16, 768, 86_088_960, 384
            ),
            Checkpoint(
                "google/siglip-base-patch16-512", "753a949581523b60257d93e18391e8c27f72eb22", 16, 768, 86_433_024, 512
            ),
        ),
        "large-16": (
            Checkpoint(
                "google/siglip-large-patch16-256",
                "d0da9f876e7d66b4e250cd2450c3ba2ce735e447",
                16,
                1024,
                303_361_024,
                256,
            ),
            Checkpoint(
                "google/siglip-large-patch16-384",
                "ce005573a40965dfd21fd937fbdeeebf2439fc35",
                16,
                1024,
                303_688_704,
                384,
            ),
        ),
        "so400m-14": (
            Checkpoint(
                "google/siglip-so400m-patch14-224",
                "d04cf29fca7b6374f74d8bea1969314492266b5e",
                14,
                1152,
                412_442_352,
                224,
            ),
            Checkpoint(
                "google/siglip-so400m-patch14-384",
                "9fdffc58afc957d1a03a25b10dba0329ab15c2a3",
                14,
                1152,
                412_987_248,
                384,
            ),
        ),
    },
)


@hookimpl
def visionlaw_encoders() -> Iterable[EncoderSpec]:
    """List the encoders at their native resolutions."""
    return FAMILY.encoders()


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec | None:  # noqa: A002
    """Resolve ``siglip/<name>@<multiple of its patch>``."""
    return FAMILY.resolve(id)
