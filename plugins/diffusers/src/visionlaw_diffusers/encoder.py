"""A diffusion model as a visionlaw encoder: encode, add noise, denoise one step, read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL.Image import Image
from torch import nn

from visionlaw.errors import InvalidIdError
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec
from visionlaw_diffusers.denoisers import Transformer, UNet
from visionlaw_diffusers.latents import LatentEncoder
from visionlaw_diffusers.noise import draw_noise
from visionlaw_diffusers.schedule import NoiseLevel

CENTRE = (0.5, 0.5, 0.5)  # pixels in −1…1: what all these VAEs were trained on


class OneStep(nn.Module):
    """All weights that are needed for one step: half a VAE, a denoiser, and its conditions."""

    def __init__(self, latents: LatentEncoder, denoiser: UNet | Transformer) -> None:
        super().__init__()
        self.latents = latents
        self.denoiser = denoiser


class DiffusionEncoder:
    """A U-Net's activation after one denoising step: a :class:`visionlaw.protocols.ModuleEncoder`.

    Args:
        spec: Resolution, patch, resize mode and layer.
        module: The weights.
        level: How much noise is added.
        members: Over how many noises the mean is taken.

    Raises:
        InvalidIdError: ``members`` is not positive.
    """

    def __init__(self, spec: EncoderSpec, module: OneStep, level: NoiseLevel, members: int) -> None:
        self.module = module.eval().requires_grad_(False)
        self._spec = spec
        self._level = level
        self._members = members

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize an image to ``[3, S, S]``, values in −1…1, with the geometry of its tokens."""
        spec = self._spec
        return prepare(image, spec.resolution, spec.patch, spec.stride, spec.resize, CENTRE, CENTRE)

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode ``[B, 3, S, S]`` into ``[B, h·w, C]``, row-major, float32."""
        return self._read(batch, [self._spec.layer])[0]

    def _read(self, batch: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Return the mean over the ensemble of the tokens of each layer; the image itself is encoded once."""
        denoiser = self.module.denoiser
        mean, deviation = self.module.latents(batch)
        noise = draw_noise(batch, self._members, tuple(mean.shape[1:])).to(batch.device)
        conditions = denoiser.condition(batch)
        times = torch.full((len(batch),), self._level.time, device=batch.device)
        weights = next(denoiser.network.parameters())
        total: list[torch.Tensor] = []
        for sample, epsilon in (member.unbind(1) for member in noise.unbind(1)):
            noisy = self._level.signal * (mean + deviation * sample) + self._level.noise * epsilon
            tokens = [one.float() for one in denoiser.read(noisy.to(weights.dtype), times, conditions, layers)]
            total = [sum_ + one for sum_, one in zip(total, tokens, strict=True)] if total else tokens
        return [sum_ / self._members for sum_ in total]


class LayeredDiffusionEncoder(DiffusionEncoder):
    """A transformer's tokens after one denoising step: also a :class:`visionlaw.protocols.LayeredEncoder`."""

    @torch.no_grad()
    def encode_layers(self, batch: torch.Tensor, layers: Sequence[int]) -> Sequence[torch.Tensor]:
        """Encode ``[B, 3, S, S]``; return ``[B, h·w, C]`` after each of the blocks asked for, in one pass.

        Raises:
            InvalidIdError: There is no such block.
        """
        assert isinstance(self.module.denoiser, Transformer)  # noqa: S101  U-Nets have no layers
        for layer in layers:
            check_layer(self._spec, layer, len(self.module.denoiser.blocks))
        return self._read(batch, layers)


def check_layer(spec: EncoderSpec, layer: int, count: int) -> None:
    """Check that a transformer has a block.

    Raises:
        InvalidIdError: It has not.
    """
    if not -count <= layer < count:
        raise InvalidIdError(
            f"'{spec.id}' has {count} blocks; there is no layer {layer}.", f"Layers are {-count} to {count - 1}."
        )


def check_ensemble(spec: EncoderSpec, members: int) -> None:
    """Check that an ensemble has a member.

    Raises:
        InvalidIdError: It has none.
    """
    if members < 1:
        raise InvalidIdError(f"The ensemble of '{spec.id}' is at least 1, not {members}.", "Try ?ensemble=8.")
