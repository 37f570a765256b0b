"""The encoders that read a diffusion transformer: DiT and Stable Diffusion 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import nn

from visionlaw.errors import InvalidIdError
from visionlaw.specs import EncoderSpec
from visionlaw.weights import weights_folder
from visionlaw_diffusers.components import Config, load_component, read_config, unsuitable
from visionlaw_diffusers.conditioning import empty_prompt_without_t5, no_class
from visionlaw_diffusers.denoisers import Transformer
from visionlaw_diffusers.encoder import LayeredDiffusionEncoder, OneStep, check_ensemble, check_layer
from visionlaw_diffusers.latents import load_latent_encoder, vae_factor
from visionlaw_diffusers.schedule import diffusion_level, flow_level, published_flow_level


def class_conditioned(
    spec: EncoderSpec, t: int = 1, layer: int = -1, ensemble: int = 1, mode: str = "strict"
) -> LayeredDiffusionEncoder:
    """Load DiT.

    In mode ``reference`` the embedding of the class, also that of no class, is left out, and the tokens are transposed,
    as in the publications' code.

    Raises:
        WeightsError: The checkpoint is not there, or not one of this encoder.
        InvalidIdError: There is no such time step, layer or ensemble.
    """
    # Checkpoints from before diffusers 0.28, the published one among them, name the class that it was split off.
    folder, config = _open(spec, layer, ensemble, mode, DiTTransformer2DModel, "Transformer2DModel")
    if config["norm_type"] != "ada_norm_zero":
        raise unsuitable(spec, folder, "its transformer is not a DiT")
    level = diffusion_level(spec, folder, t)
    latents = load_latent_encoder(spec, folder)
    network = load_component(DiTTransformer2DModel, spec, folder, "transformer")
    classes = config["num_embeds_ada_norm"]
    if mode == "reference":
        _leave_out_class(network, classes)
    denoiser = Transformer(network, no_class(classes), transposed=mode == "reference")
    return LayeredDiffusionEncoder(spec.of({"layer": layer}), OneStep(latents, denoiser), level, ensemble)


def text_conditioned(
    spec: EncoderSpec, t: int = 1, layer: int = -1, ensemble: int = 1, mode: str = "strict"
) -> LayeredDiffusionEncoder:
    """Load Stable Diffusion 3.

    In mode ``reference`` latents are not shifted and, at the publications' ``t = 1``, get no noise, as in their code.

    Raises:
        WeightsError, InvalidIdError: As :func:`class_conditioned`.
    """
    folder, config = _open(spec, layer, ensemble, mode, SD3Transformer2DModel)
    level = (flow_level if mode == "strict" else published_flow_level)(spec, folder, t)
    latents = load_latent_encoder(spec, folder, shifted=mode == "strict")
    widths = config["joint_attention_dim"], config["pooled_projection_dim"]
    conditions = empty_prompt_without_t5(spec, folder, *widths)
    network = load_component(SD3Transformer2DModel, spec, folder, "transformer")
    return LayeredDiffusionEncoder(
        spec.of({"layer": layer}), OneStep(latents, Transformer(network, conditions)), level, ensemble
    )


def _open(spec: EncoderSpec, layer: int, ensemble: int, mode: str, cls: type, *former: str) -> tuple[Path, Config]:
    """Find the checkpoint and check, before anything large is loaded, that it gives the tokens the spec declares."""
    check_ensemble(spec, ensemble)
    if mode == "reference" and layer != -1:
        raise InvalidIdError(
            f"The mode reference of '{spec.id}' reads the last block, not layer {layer}.",
            "Leave out mode=reference, or layer.",
        )
    folder = weights_folder(spec)
    config = read_config(spec, folder, "transformer/config.json", cls, *former)
    vae = read_config(spec, folder, "vae/config.json", AutoencoderKL)
    check_layer(spec, layer, config["num_layers"])
    if config["in_channels"] != vae["latent_channels"]:
        raise unsuitable(spec, folder, "its VAE and its transformer have latents of different width")
    patch = 2 * vae_factor(vae) * config["patch_size"]
    channels = 4 * config["num_attention_heads"] * config["attention_head_dim"]
    if (patch, channels) != (spec.patch, spec.channels):
        raise unsuitable(
            spec,
            folder,
            f"2×2 of its tokens have {channels} channels and cover {patch} pixels, not {spec.channels} channels and "
            f"{spec.patch} pixels",
        )
    return folder, config


@torch.no_grad()
def _leave_out_class(network: nn.Module, label: int) -> None:
    """Zero the embedding of a class label in every block."""
    parts: Any = network
    for block in parts.transformer_blocks:
        block.norm1.emb.class_embedder.embedding_table.weight[label].zero_()
