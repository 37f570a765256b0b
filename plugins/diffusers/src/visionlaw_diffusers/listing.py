"""What the specs of all families share: options, and the files of a pipeline's folder. Light."""

from __future__ import annotations

from visionlaw.specs import Option, mode_option

SCHEDULER = ("scheduler/scheduler_config.json",)
VAE = ("vae/config.json", "vae/diffusion_pytorch_model.safetensors")
UNET = ("unet/config.json", "unet/diffusion_pytorch_model.safetensors")
TRANSFORMER = ("transformer/config.json", "transformer/diffusion_pytorch_model.safetensors")
IMAGE_ENCODER = (
    "feature_extractor/preprocessor_config.json",
    "image_encoder/config.json",
    "image_encoder/model.safetensors",
)


def text_encoder(suffix: str = "") -> tuple[str, ...]:
    """Return the files of a pipeline's text encoder and its tokenizer: the first one, ``_2``…"""
    return (f"text_encoder{suffix}/config.json", f"text_encoder{suffix}/model.safetensors", f"tokenizer{suffix}/*")


def diffusion_options() -> dict[str, Option]:
    """Return the options of every diffusion encoder: time step, ensemble and mode."""
    return {
        "t": Option(type="int", default=1, description="Time step whose noise is added: 1 is faint, 999 drowns all."),
        "ensemble": Option(type="int", default=1, description="Mean over so many noises; costs as many passes."),
        "mode": mode_option(),
    }


def block_option() -> Option:
    """Return the option ``block`` of U-Nets."""
    return Option(
        type="int",
        default=0,
        description="The upsampling block whose output is read, from 0, the one after the middle.",
    )
