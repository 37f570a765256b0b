"""What this plugin offers visionlaw under ``sdxl/``: the Stable Diffusion XL base U-Net."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec, Variant
from visionlaw_diffusers.listing import SCHEDULER, UNET, VAE, block_option, diffusion_options, text_encoder


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List the encoder of both publications."""
    yield EncoderSpec(
        id="sdxl/base@512",
        target="visionlaw_diffusers.unet:size_conditioned",
        tiny="visionlaw_diffusers.tiny:sdxl",
        description="Stable Diffusion XL U-Net after its first upsampling block, empty prompt.",
        tags=("diffusion", "u-net", "published"),
        options=diffusion_options() | {"block": block_option()},
        checkpoint="stabilityai/stable-diffusion-xl-base-1.0",
        revision="462165984030d82259a11f4367a4eed129e94a7b",
        files=(*SCHEDULER, *VAE, *UNET, *text_encoder(), *text_encoder("_2")),
        license="CreativeML-OpenRAIL++-M",
        resolution=512,
        patch=16,
        channels=1280,
        parameters=2_484_099_664,
        variants={
            "block=0": Variant(patch=16, channels=1280),
            "block=1": Variant(patch=8, channels=640),
            "block=2": Variant(patch=8, channels=320),
        },
    )
