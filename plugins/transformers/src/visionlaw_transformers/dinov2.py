"""DINOv2 (Oquab et al., 2023), without and with registers (Darcet et al., 2024): self-supervised."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_transformers.families import Checkpoint, Family

FAMILY = Family(
    prefix="dinov2",
    title="DINOv2",
    license="Apache-2.0",
    tags=("self-supervised",),
    checkpoints={
        "small": (
            Checkpoint("facebook/dinov2-small", "ed25f3a31f01632728cabb09d1542f84ab7b0056", 14, 384, 22_056_576, 518),
        ),
        "base": (
            Checkpoint("facebook/dinov2-base", "f9e44c814b77203eaa57a6bdbbd535f21ede1415", 14, 768, 86_580_480, 518),
        ),
        "large": (
            Checkpoint("facebook/dinov2-large", "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c", 14, 1024, 304_368_640, 518),
        ),
        "giant": (
            Checkpoint(
                "facebook/dinov2-giant", "611a9d42f2335e0f921f1e313ad3c1b7178d206d", 14, 1536, 1_136_480_768, 518
            ),
        ),
        "small-reg": (
            Checkpoint(
                "facebook/dinov2-with-registers-small",
                "0d9846e56b43a21fa46d7f3f5070f0506a5795a9",
                14,
                384,
                22_058_112,
                518,
            ),
        ),
        "base-reg": (
            Checkpoint(
                "facebook/dinov2-with-registers-base",
                "a1d738ccfa7ae170945f210395d99dde8adb1805",
                14,
                768,
                86_583_552,
                518,
            ),
        ),
        "large-reg": (
            Checkpoint(
                "facebook/dinov2-with-registers-large",
                "e4c89a4e05589de9b3e188688a303d0f3c04d0f3",
                14,
                1024,
                304_372_736,
                518,
            ),
        ),
        "giant-reg": (
            Checkpoint(
                "facebook/dinov2-with-registers-giant",
                "8d0d49f77fb8b5dd78842496ff14afe7dd4d85cb",
                14,
                1536,
                1_136_486_912,
                518,
            ),
        ),
    },
    resolutions=(224, 336, 518),
)


@hookimpl
def visionlaw_encoders() -> Iterable[EncoderSpec]:
    """List the encoders at 224, 336 and their native 518 pixels."""
    return FAMILY.encoders()


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec | None:  # noqa: A002
    """Resolve ``dinov2/<name>@<multiple of its patch>``."""
    return FAMILY.resolve(id)


def has_registers(encoder_id: str) -> bool:
    """Whether an id is one of the variant with registers."""
    return encoder_id.partition("@")[0].endswith("-reg")
