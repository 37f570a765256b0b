"""What this plugin offers visionlaw under ``sd/``: the Stable Diffusion U-Nets of 768 pixels."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec, Variant
from visionlaw_diffusers.listing import (
    IMAGE_ENCODER,
    SCHEDULER,
    UNET,
    VAE,
    block_option,
    diffusion_options,
    text_encoder,
)

BLOCKS = {
    "block=0": Variant(patch=32, channels=1280),
    "block=1": Variant(patch=16, channels=1280),
    "block=2": Variant(patch=8, channels=640),
    "block=3": Variant(patch=8, channels=320),
}


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List the Stable Diffusion encoders of both publications."""
    yield _unet(
        "1.5",
        target="visionlaw_diffusers.unet:text_conditioned",
        tiny="visionlaw_diffusers.tiny:sd",
        description="Stable Diffusion 1.5 U-Net after its first upsampling block, empty prompt.",
        checkpoint="stable-diffusion-v1-5/stable-diffusion-v1-5",
        revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
        files=(*SCHEDULER, *VAE, *UNET, *text_encoder()),
        license="CreativeML-OpenRAIL-M",
        parameters=545_117_904,
    )
    yield _unet(
        "2.1",
        target="visionlaw_diffusers.unet:text_conditioned",
        tiny="visionlaw_diffusers.tiny:sd",
        description="Stable Diffusion 2.1 U-Net after its first upsampling block, empty prompt.",
        checkpoint="stabilityai/stable-diffusion-2-1",
        revision="5cae40e6a2745ae2b01ad92ae5043f95f23644d6",
        files=(*SCHEDULER, *VAE, *UNET, *text_encoder()),
        license="CreativeML-OpenRAIL++-M",
        parameters=548_067_024,
    )
    yield _unet(
        "variations",
        target="visionlaw_diffusers.unet:image_conditioned",
        tiny="visionlaw_diffusers.tiny:variations",
        description="Stable Diffusion Image Variations U-Net, conditioned on the image's own CLIP embedding.",
        checkpoint="lambdalabs/sd-image-variations-diffusers",
        revision="42bc0ee1726b141d49f519a6ea02ccfbf073db2e",
        files=(*SCHEDULER, *VAE, *UNET, *IMAGE_ENCODER),
        license="CreativeML-OpenRAIL-M",
        parameters=849_084_112,
    )


def _unet(name: str, **facts: object) -> EncoderSpec:
    return EncoderSpec.model_validate(
        {
            "id": f"sd/{name}@768",
            "resolution": 768,
            "patch": 32,
            "channels": 1280,
            "tags": ("diffusion", "u-net", "published"),
            "options": diffusion_options() | {"block": block_option()},
            "variants": BLOCKS,
        }
        | facts
    )
