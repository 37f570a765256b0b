"""The encoder half of a pipeline's VAE: from an image to the distribution of its latents."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors import SafetensorError, safe_open
from torch import nn

from visionlaw.specs import EncoderSpec
from visionlaw_diffusers.components import incomplete, quiet, read_config, unsuitable

FOLDER = "vae"
WEIGHTS = "diffusion_pytorch_model.safetensors"
LOGVAR = (-30.0, 20.0)  # as the library clamps it

# Attention's names in checkpoints from before diffusers 0.13, Stable Diffusion 1.5 among them.
OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


class LatentEncoder(nn.Module):
    """An AutoencoderKL without its decoder.

    Args:
        encoder: Its encoder.
        quant_conv: What follows it, if anything does.
        scale: Latents are multiplied by it.
        shift: Subtracted from latents before.
        float32: Stay in float32 whatever precision the module is cast to: VAEs whose activations leave float16's range
            (SDXL's do) say so by ``force_upcast`` in their configuration.
    """

    def __init__(self, encoder: nn.Module, quant_conv: nn.Module | None, scale: float, shift: float, float32: bool):
        super().__init__()
        self.encoder = encoder
        self.quant_conv = quant_conv
        self.scale = scale
        self.shift = shift
        self.float32 = float32

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode ``[B, 3, S, S]`` in −1…1; return mean and standard deviation of the scaled latents, float32."""
        weights = next(self.encoder.parameters())
        with _without_autocast(pixels.device.type) if self.float32 else nullcontext():
            moments = self.encoder(pixels.to(weights.dtype))
            moments = moments if self.quant_conv is None else self.quant_conv(moments)
        mean, logvar = moments.float().chunk(2, dim=1)
        return (mean - self.shift) * self.scale, torch.exp(0.5 * logvar.clamp(*LOGVAR)) * self.scale

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> LatentEncoder:
        """Move, and cast unless it stays in float32; every ``Module.to`` comes through here."""
        if not self.float32:
            return super()._apply(fn, recurse)

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(fn(tensor.new_empty(0)).device)

        return super()._apply(move, recurse)


def _without_autocast(device: str) -> AbstractContextManager[None]:
    """Return a context in which a device computes in its tensors' own precision, as some devices always do."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def vae_factor(config: dict[str, Any]) -> int:
    """Return how many pixels a latent covers per side."""
    return 2 ** (len(config["block_out_channels"]) - 1)


def load_latent_encoder(spec: EncoderSpec, folder: Path, *, shifted: bool = True) -> LatentEncoder:
    """Load the encoder half of a pipeline's VAE; nothing of the decoder is read from disk.

    Args:
        spec: The encoder, for messages.
        folder: The pipeline's folder.
        shifted: Whether the configuration's ``shift_factor``, which only some VAEs have, counts.

    Raises:
        WeightsError: It is not an AutoencoderKL, or weights are missing, damaged or of another shape.
    """
    config = read_config(spec, folder, f"{FOLDER}/config.json", AutoencoderKL)
    with quiet(), torch.device("meta"):
        vae: Any = AutoencoderKL.from_config(config)
    shift = float(config["shift_factor"] or 0.0) if shifted else 0.0
    # The library's default would keep all VAEs in float32, those from before the flag too, which bear float16.
    float32 = bool(read_config(spec, folder, f"{FOLDER}/config.json").get("force_upcast"))
    half = LatentEncoder(vae.encoder, vae.quant_conv, config["scaling_factor"], shift, float32)
    weights = _read_weights(spec, folder)
    missing = sorted(set(half.state_dict()) - set(weights))
    if missing:
        raise incomplete(spec, folder, FOLDER, missing)
    try:
        half.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise unsuitable(spec, folder, f"the weights of its VAE do not fit '{FOLDER}/config.json'") from error
    return half.eval().requires_grad_(False)


def _read_weights(spec: EncoderSpec, folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = {}
    try:
        with safe_open(folder / FOLDER / WEIGHTS, "pt") as file:
            for name in file.keys():  # noqa: SIM118  it is no mapping
                if name.startswith(("encoder.", "quant_conv.")):
                    weights[_present_name(name)] = file.get_tensor(name).float()
    except (OSError, SafetensorError) as error:
        raise unsuitable(spec, folder, f"'{FOLDER}/{WEIGHTS}' cannot be read ({error})") from error
    return weights


def _present_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    return name
