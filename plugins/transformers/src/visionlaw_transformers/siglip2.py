"""SigLIP 2 (Tschannen et al., 2025) at fixed resolutions, which has SigLIP's architecture; NaFlex is another one."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_transformers.families import Checkpoint, Family

FAMILY = Family(
    prefix="siglip2",
    title="SigLIP 2",
    license="Apache-2.0",
    tags=("language-image", "multilingual"),
    checkpoints={
        "base-16": (
            Checkpoint(
                "google/siglip2-base-patch16-224", "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2", 16, 768, 85_797_120, 224
            ),
            Checkpoint(
                "google/siglip2-base-patch16-256", "3f9f96cb90da5dbc758b01813f2f6f1aee24c1ab", 16, 768, 85_843_200, 256
            ),
            Checkpoint(
                "google/siglip2-base-patch16-384", "f775b65a79762255128c981547af89addcfe0f88", 16, 768, 86_088_960, 384
            ),
            Checkpoint(
                "google/siglip2-base-patch16-512", "a89f5c5093f902bf39d3cd4d81d2c09867f0724b", 16, 768, 86_433_024, 512
            ),
        ),
        "base-32": (
            Checkpoint(
                "google/siglip2-base-patch32-256", "94dffa8cb1179de3e03f091dbc3917e5d5a9ae84", 32, 768, 87_465_216, 256
            ),
        ),
        "large-16": (
            Checkpoint(
                "google/siglip2-large-patch16-256",
                "787800c8990e6f058423089178e718139608408c",
                16,
                1024,
                303_361_024,
                256,
            ),
            Checkpoint(
                "google/siglip2-large-patch16-384",
                "1b426889ea62b5a72bf9839009a1b184bfc9c178",
                16,
                1024,
                303_688_704,
                384,
            ),
            Checkpoint(
                "google/siglip2-large-patch16-512",
                "49488218e80259885f3be61d7a9455faf833b7a8",
                16,
                1024,
                304_147_456,
                512,
            ),
        ),
        "so400m-14": (
            Checkpoint(
                "google/siglip2-so400m-patch14-224",
                "78e403963a4f6a3640d07803284752326fdf4edf",
                14,
                1152,
                412_442_352,
                224,
            ),
            Checkpoint(
                "google/siglip2-so400m-patch14-384",
                "e8e487298228002f3d8a82e0cd5c8ea9c567f57f",
                14,
                1152,
                412_987_248,
                384,
            ),
        ),
        "so400m-16": (
            Checkpoint(
                "google/siglip2-so400m-patch16-256",
                "e8708ab72d125807e45b36fb7d4e0aacbb59f379",
                16,
                1152,
                412_649_712,
                256,
            ),
            Checkpoint(
                "google/siglip2-so400m-patch16-384",
                "dd658faac399427308559e2c3ac1e99cbe43845d",
                16,
                1152,
                413_018_352,
                384,
            ),
            Checkpoint(
                "google/siglip2-so400m-patch16-512",
                "ceea1cba8130d8271436da4828633198c176a775",
                16,
                1152,
                413_534_448,
                512,
            ),
        ),
        "giant-16": (
            Checkpoint(
                "google/siglip2-giant-opt-patch16-256",
                "46d7129e1aa1527cc5a44d86fb35250df3abf0aa",
                16,
                1536,
                1_134_838_272,
                256,
            ),
            Checkpoint(
                "google/siglip2-giant-opt-patch16-384",
                "a713301b217d38485fb2204c808367d10bc3cc40",
                16,
                1536,
                1_135_329_792,
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
    """Resolve ``siglip2/<name>@<multiple of its patch>``."""
    return FAMILY.resolve(id)
