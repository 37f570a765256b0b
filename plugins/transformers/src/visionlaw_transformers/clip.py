"""CLIP (Radford et al., 2021): language–image pre-training. https://github.com/openai/CLIP has the licence.

The repositories of B/16, B/32 and L/14 at 336 px were published as pickles. For B/16 and B/32 the pinned revisions are
the hub's conversions of them to safetensors; of L/14 at 336 px none is known that could be pinned, see the README.
"""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_transformers.families import Checkpoint, Family

FAMILY = Family(
    prefix="clip",
    title="CLIP of OpenAI",
    license="MIT",
    tags=("language-image",),
    checkpoints={
        "vit-l-14": (
            Checkpoint(
                "openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41", 14, 1024, 303_179_776, 224
            ),
            Checkpoint(
                "openai/clip-vit-large-patch14-336",
                "ce19dc912ca5cd21c8a653c79e251e808ccabcd1",
                14,
                1024,
                303_507_456,
                336,
            ),
        ),
        "vit-b-16": (
            Checkpoint(
                "openai/clip-vit-base-patch16", "5ef227a78de3f75873f373246dac80def63b0003", 16, 768, 85_799_424, 224
            ),
        ),
        "vit-b-32": (
            Checkpoint(
                "openai/clip-vit-base-patch32", "c237dc49a33fc61debc9276459120b7eac67e7ef", 32, 768, 87_456_000, 224
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
    """Resolve ``clip/<name>@<multiple of its patch>``."""
    return FAMILY.resolve(id)
