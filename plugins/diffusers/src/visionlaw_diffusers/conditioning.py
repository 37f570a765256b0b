"""What the denoiser is told beside the noisy latent: an empty prompt, no class, or the image itself.

Text encoders are loaded, asked once about the empty prompt and dropped; what they answered stays as buffers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from visionlaw.errors import WeightsError
from visionlaw.specs import EncoderSpec
from visionlaw_diffusers.components import load_component, quiet, read_config, unsuitable

T5_TOKENS = 77  # with which SD3 was trained, and as many zeros where T5 is left out


class Constant(nn.Module):
    """Conditions that are the same for every image: keyword arguments of the denoiser, kept as buffers ``[1, …]``."""

    def __init__(self, conditions: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.names = tuple(conditions)
        for name, value in conditions.items():
            self.register_buffer(name, value)

    def forward(self, pixels: torch.Tensor) -> dict[str, Any]:
        """Return the keyword arguments for a batch ``[B, 3, S, S]``."""
        return {
            name: self.get_buffer(name).expand(len(pixels), *self.get_buffer(name).shape[1:]) for name in self.names
        }


class WithSize(Constant):
    """SDXL's conditions: beside the prompt its pooled embedding and the sizes, which go into one argument."""

    def forward(self, pixels: torch.Tensor) -> dict[str, Any]:
        """Return the keyword arguments for a batch ``[B, 3, S, S]``."""
        conditions = super().forward(pixels)
        prompt = conditions.pop("encoder_hidden_states")
        return {"encoder_hidden_states": prompt, "added_cond_kwargs": conditions}


class OwnImage(nn.Module):
    """The CLIP embedding of the image itself, in place of a prompt.

    Args:
        encoder: The pipeline's image encoder.
        mean: Per channel, of values in 0–1; None: the encoder is fed −1…1, as the publications' code does.
        std: Per channel.
    """

    mean: torch.Tensor | None
    std: torch.Tensor | None

    def __init__(self, encoder: CLIPVisionModelWithProjection, mean: list[float] | None, std: list[float] | None):
        super().__init__()
        self.encoder = encoder
        self.side = int(str(encoder.config.image_size))
        self.register_buffer("mean", None if mean is None else torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", None if std is None else torch.tensor(std).view(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> dict[str, Any]:
        """Return the keyword arguments for a batch ``[B, 3, S, S]`` in −1…1."""
        size = (self.side, self.side)
        if self.mean is None or self.std is None:
            small = functional.interpolate(pixels.float(), size, mode="bilinear")
        else:
            # Without antialiasing: the model's authors say that it was trained so, and that it matters.
            small = functional.interpolate((pixels.float() + 1) / 2, size, mode="bicubic")
            small = (small - self.mean.float()) / self.std.float()
        weights = next(self.encoder.parameters())
        embedding = self.encoder(pixel_values=small.to(weights.dtype)).image_embeds
        return {"encoder_hidden_states": embedding[:, None]}


def empty_prompt(spec: EncoderSpec, folder: Path, width: int) -> Constant:
    """Return Stable Diffusion's condition: the last hidden state for an empty prompt.

    Args:
        spec: The encoder, for messages.
        folder: The pipeline's folder.
        width: Channels that the denoiser expects.

    Raises:
        WeightsError: The text encoder cannot be loaded, or is of another width.
    """
    read_config(spec, folder, "text_encoder/config.json", CLIPTextModel)
    encoder = load_component(CLIPTextModel, spec, folder, "text_encoder")
    prompt = _ask(encoder, _empty_tokens(spec, folder, ""), encoder.config).last_hidden_state
    _check_width(spec, folder, prompt.shape[-1], width)
    return Constant({"encoder_hidden_states": prompt})


def empty_prompt_and_size(spec: EncoderSpec, folder: Path, width: int, pooled_width: int) -> WithSize:
    """Return SDXL's conditions: both encoders' last but one hidden states, the pooled one, and the sizes.

    Original and target size are the encoder's resolution, uncropped.

    Raises:
        WeightsError: A text encoder cannot be loaded, or is of another width.
    """
    prompt, pooled = _both_clips(spec, folder, CLIPTextModel)
    pooled = pooled[1]
    _check_width(spec, folder, prompt.shape[-1], width)
    _check_width(spec, folder, pooled.shape[-1], pooled_width)
    side = spec.resolution
    sizes = torch.tensor([[side, side, 0, 0, side, side]])
    return WithSize({"encoder_hidden_states": prompt, "text_embeds": pooled, "time_ids": sizes})


def empty_prompt_without_t5(spec: EncoderSpec, folder: Path, width: int, pooled_width: int) -> Constant:
    """Return SD3's conditions: both CLIPs' last but one hidden states, padded, then zeros in place of T5's.

    SD3 was trained with its text encoders left out at random, T5's output then being zeros; so T5's 4.8 billion weights
    are not needed to encode nothing.

    Raises:
        WeightsError: A text encoder cannot be loaded, or is of another width.
    """
    prompt, pooled = _both_clips(spec, folder, CLIPTextModelWithProjection)
    if prompt.shape[-1] > width:
        raise _unfit(spec, folder, prompt.shape[-1], width)
    clips = functional.pad(prompt, (0, width - prompt.shape[-1]))
    both = torch.cat(pooled, dim=-1)
    _check_width(spec, folder, both.shape[-1], pooled_width)
    context = torch.cat([clips, torch.zeros(1, T5_TOKENS, width)], dim=1)
    return Constant({"encoder_hidden_states": context, "pooled_projections": both})


def no_class(classes: int) -> Constant:
    """Return DiT's condition: the label after the last, which stands for no class."""
    return Constant({"class_labels": torch.tensor([classes])})


def own_image(spec: EncoderSpec, folder: Path, width: int, *, normalised: bool) -> OwnImage:
    """Return the condition of Stable Diffusion Image Variations.

    Args:
        spec: The encoder, for messages.
        folder: The pipeline's folder.
        width: Channels that the denoiser expects.
        normalised: Whether the image encoder gets the normalisation that it was trained with.

    Raises:
        WeightsError: The image encoder cannot be loaded, or is of another width.
    """
    read_config(spec, folder, "image_encoder/config.json", CLIPVisionModelWithProjection)
    processor = read_config(spec, folder, "feature_extractor/preprocessor_config.json")
    encoder = load_component(CLIPVisionModelWithProjection, spec, folder, "image_encoder")
    _check_width(spec, folder, encoder.config.projection_dim, width)
    if not normalised:
        return OwnImage(encoder, None, None)
    try:
        mean, std = ([float(value) for value in processor[key]] for key in ("image_mean", "image_std"))
    except (KeyError, TypeError, ValueError) as error:
        raise unsuitable(spec, folder, "'feature_extractor' names no image_mean and image_std") from error
    return OwnImage(encoder, mean, std)


def _both_clips(
    spec: EncoderSpec, folder: Path, first: type[nn.Module]
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Return the last but one hidden states, side by side, and both pooled embeddings for an empty prompt."""
    hidden: list[torch.Tensor] = []
    pooled: list[torch.Tensor] = []
    for suffix, cls in (("", first), ("_2", CLIPTextModelWithProjection)):
        read_config(spec, folder, f"text_encoder{suffix}/config.json", cls)
        encoder = load_component(cls, spec, folder, f"text_encoder{suffix}")
        answer = _ask(encoder, _empty_tokens(spec, folder, suffix))
        hidden.append(answer.hidden_states[-2])
        pooled.append(answer.text_embeds if cls is CLIPTextModelWithProjection else answer.pooler_output)
    if hidden[0].shape[1] != hidden[1].shape[1]:
        raise unsuitable(spec, folder, "its tokenizers pad prompts to different lengths")
    return torch.cat(hidden, dim=-1), (pooled[0], pooled[1])


def _empty_tokens(spec: EncoderSpec, folder: Path, suffix: str) -> Any:
    try:
        with quiet():
            tokenizer: Any = CLIPTokenizer.from_pretrained(str(folder / f"tokenizer{suffix}"), local_files_only=True)
            return tokenizer("", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise WeightsError(
            f"The tokenizer in '{folder / f'tokenizer{suffix}'}', of '{spec.id}', cannot be loaded.",
            "Fetch it again, or give a folder that is complete.",
        ) from error


@torch.no_grad()
def _ask(encoder: nn.Module, tokens: Any, config: Any = None) -> Any:
    """Run a text encoder; the mask of padded tokens counts only for the rare one that was trained with it."""
    masked = bool(getattr(config, "use_attention_mask", False))
    mask = tokens.attention_mask if masked else None
    return encoder(tokens.input_ids, attention_mask=mask, output_hidden_states=True)


def _check_width(spec: EncoderSpec, folder: Path, found: int, expected: int) -> None:
    if found != expected:
        raise _unfit(spec, folder, found, expected)


def _unfit(spec: EncoderSpec, folder: Path, found: int, expected: int) -> WeightsError:
    return unsuitable(spec, folder, f"its conditions have {found} channels, where its denoiser expects {expected}")
