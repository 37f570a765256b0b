"""What this plugin offers visionlaw under ``sd3/``: the Stable Diffusion 3 medium transformer."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec, layer_option
from visionlaw_diffusers.listing import SCHEDULER, TRANSFORMER, VAE, diffusion_options, text_encoder


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List the encoder of both publications; its third text encoder, T5, is never loaded."""
    yield EncoderSpec(
        id="sd3/medium@512",
        target="visionlaw_diffusers.transformer:text_conditioned",
        tiny="visionlaw_diffusers.tiny:sd3",
        description="Stable Diffusion 3 medium, last block, 2×2 tokens folded into one, empty prompt.",
        tags=("diffusion", "transformer", "published"),
        options=diffusion_options() | {"layer": layer_option()},
        checkpoint="stabilityai/stable-diffusion-3-medium-diffusers",
        revision="ea42f8cef0f178587cf766dc8129abd379c90671",
        files=(*SCHEDULER, *VAE, *TRANSFORMER, *text_encoder(), *text_encoder("_2")),
        license="Stability AI Community License",
        resolution=512,
        patch=32,
        channels=6144,
        parameters=2_062_602_208,
    )
