"""What this plugin offers visionlaw under ``dit/``: DiT-XL/2, a class-conditional transformer on ImageNet."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec, layer_option
from visionlaw_diffusers.listing import SCHEDULER, TRANSFORMER, VAE, diffusion_options


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List the encoder of both publications."""
    yield EncoderSpec(
        id="dit/xl-2@512",
        target="visionlaw_diffusers.transformer:class_conditioned",
        tiny="visionlaw_diffusers.tiny:dit",
        description="DiT-XL/2 at 512 pixels, last block, 2×2 tokens folded into one, no class.",
        tags=("diffusion", "transformer", "published"),
        options=diffusion_options() | {"layer": layer_option()},
        checkpoint="facebook/DiT-XL-2-512",
        revision="101a3d462b22d64c4afdd4d0c8c59a2c0b961b99",
        files=(*SCHEDULER, *VAE, *TRANSFORMER),
        license="CC-BY-NC-4.0",
        resolution=512,
        patch=32,
        channels=4608,
        parameters=783_990_128,
    )
