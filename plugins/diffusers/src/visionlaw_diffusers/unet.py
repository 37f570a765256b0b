"""The encoders that read a U-Net: Stable Diffusion 1.5 and 2.1, Image Variations, SDXL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from visionlaw.errors import InvalidIdError
from visionlaw.specs import EncoderSpec
from visionlaw.weights import weights_folder
from visionlaw_diffusers.components import Config, load_component, read_config, unsuitable
from visionlaw_diffusers.conditioning import Constant, empty_prompt, empty_prompt_and_size, own_image
from visionlaw_diffusers.denoisers import UNet
from visionlaw_diffusers.encoder import DiffusionEncoder, OneStep, check_ensemble
from visionlaw_diffusers.latents import load_latent_encoder, vae_factor
from visionlaw_diffusers.schedule import diffusion_level

Conditioned = Callable[[Path, Config], nn.Module]


def text_conditioned(
    spec: EncoderSpec, t: int = 1, block: int = 0, ensemble: int = 1, mode: str = "strict"
) -> DiffusionEncoder:
    """Load Stable Diffusion 1.x or 2.x. Both modes are one: the publications' code feeds these models as they expect.

    Raises:
        WeightsError: The checkpoint is not there, or not one of this encoder.
        InvalidIdError: There is no such time step, block or ensemble.
    """

    def condition(folder: Path, config: Config) -> nn.Module:
        return empty_prompt(spec, folder, config["cross_attention_dim"])

    return _load(spec, t, block, ensemble, condition)


def image_conditioned(
    spec: EncoderSpec, t: int = 1, block: int = 0, ensemble: int = 1, mode: str = "strict"
) -> DiffusionEncoder:
    """Load Stable Diffusion Image Variations.

    In mode ``reference`` its image encoder is fed −1…1 and a bilinear resize, as the publications' code does.

    Raises:
        WeightsError, InvalidIdError: As :func:`text_conditioned`.
    """

    def condition(folder: Path, config: Config) -> nn.Module:
        return own_image(spec, folder, config["cross_attention_dim"], normalised=mode == "strict")

    return _load(spec, t, block, ensemble, condition)


def size_conditioned(
    spec: EncoderSpec, t: int = 1, block: int = 0, ensemble: int = 1, mode: str = "strict"
) -> DiffusionEncoder:
    """Load Stable Diffusion XL.

    In mode ``reference`` it gets the prompt alone, as in the publications' code, whose own U-Net forward leaves out the
    added conditions.

    Raises:
        WeightsError, InvalidIdError: As :func:`text_conditioned`.
    """

    def condition(folder: Path, config: Config) -> nn.Module:
        if config["addition_embed_type"] != "text_time":
            raise unsuitable(spec, folder, "its U-Net takes no size conditions, as those of SDXL do")
        sizes = 6 * config["addition_time_embed_dim"]
        pooled = config["projection_class_embeddings_input_dim"] - sizes
        conditions = empty_prompt_and_size(spec, folder, config["cross_attention_dim"], pooled)
        if mode == "strict":
            return conditions
        return Constant({"encoder_hidden_states": conditions.get_buffer("encoder_hidden_states")})

    encoder = _load(spec, t, block, ensemble, condition)
    if mode == "reference":
        _leave_out_added_conditions(encoder.module.denoiser.network)
    return encoder


def _load(spec: EncoderSpec, t: int, block: int, ensemble: int, condition: Conditioned) -> DiffusionEncoder:
    check_ensemble(spec, ensemble)
    spec = spec.of({"block": block})
    folder = weights_folder(spec)
    config = read_config(spec, folder, "unet/config.json", UNet2DConditionModel)
    vae = read_config(spec, folder, "vae/config.json", AutoencoderKL)
    _check(spec, folder, config, vae, block)
    level = diffusion_level(spec, folder, t)
    latents = load_latent_encoder(spec, folder)
    conditions = condition(folder, config)
    network = load_component(UNet2DConditionModel, spec, folder, "unet")
    return DiffusionEncoder(spec, OneStep(latents, UNet(network, conditions, block)), level, ensemble)


def _check(spec: EncoderSpec, folder: Path, config: Config, vae: Config, block: int) -> None:
    """Check that the U-Net gives the tokens that the spec declares, before anything large is loaded."""
    widths = config["block_out_channels"]
    if not 0 <= block < len(widths):
        raise InvalidIdError(
            f"'{spec.id}' has {len(widths)} upsampling blocks; there is no block {block}.",
            f"Blocks are 0 to {len(widths) - 1}.",
        )
    if config["in_channels"] != vae["latent_channels"]:
        raise unsuitable(spec, folder, "its VAE and its U-Net have latents of different width")
    patch = vae_factor(vae) * 2 ** max(0, len(widths) - 2 - block)
    channels = widths[len(widths) - 1 - block]
    if (patch, channels) != (spec.patch, spec.channels):
        raise unsuitable(
            spec,
            folder,
            f"its block {block} gives a token of {channels} channels every {patch} pixels, not of {spec.channels} "
            f"every {spec.patch}",
        )


def _leave_out_added_conditions(network: nn.Module) -> None:
    parts: Any = network
    parts.register_to_config(addition_embed_type=None)
    parts.add_embedding = None
