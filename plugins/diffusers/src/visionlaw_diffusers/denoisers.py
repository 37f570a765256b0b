"""Running a denoiser as far as the block that is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from visionlaw.features.early_exit import read_outputs
from visionlaw_diffusers.folding import fold, transpose


class UNet(nn.Module):
    """A U-Net that is read after one of its upsampling blocks; those after it are dropped.

    Args:
        network: The U-Net.
        condition: Makes its keyword arguments from the images.
        block: Index of the upsampling block.
    """

    def __init__(self, network: nn.Module, condition: nn.Module, block: int) -> None:
        super().__init__()
        parts: Any = network
        del parts.up_blocks[block + 1 :]
        parts.conv_norm_out = parts.conv_out = None
        self.network = network
        self.condition = condition

    def read(
        self, latents: torch.Tensor, times: torch.Tensor, conditions: dict[str, Any], layers: Sequence[int]
    ) -> list[torch.Tensor]:
        """Return the tokens ``[B, h·w, C]`` of noisy latents ``[B, c, h', w']``, as the only layer there is."""
        parts: Any = self.network
        last = parts.up_blocks[-1]
        [activation] = read_outputs([last], lambda: self.network(latents, times, **conditions))
        return [activation.flatten(2).transpose(1, 2)]


class Transformer(nn.Module):
    """A transformer that is read after some of its blocks, each 2×2 tokens folded into one.

    Args:
        network: The transformer.
        condition: Makes its keyword arguments from the images.
        transposed: Swap rows and columns of the folded tokens.
    """

    def __init__(self, network: nn.Module, condition: nn.Module, transposed: bool = False) -> None:
        super().__init__()
        self.network = network
        self.condition = condition
        self.transposed = transposed

    @property
    def blocks(self) -> nn.ModuleList:
        """The blocks, in the order in which they run."""
        parts: Any = self.network
        return parts.transformer_blocks

    def read(
        self, latents: torch.Tensor, times: torch.Tensor, conditions: dict[str, Any], layers: Sequence[int]
    ) -> list[torch.Tensor]:
        """Return the tokens ``[B, h·w, C]`` of noisy latents ``[B, c, h', w']`` after each of the blocks ``layers``."""
        indices = [layer % len(self.blocks) for layer in layers]
        wanted = sorted(set(indices))
        outputs = read_outputs(
            [self.blocks[index] for index in wanted],
            lambda: self.network(hidden_states=latents, timestep=times, **conditions),
        )
        parts: Any = self.network
        side = latents.shape[-1] // parts.config.patch_size
        tokens = {index: self._tokens(output, side) for index, output in zip(wanted, outputs, strict=True)}
        return [tokens[index] for index in indices]

    def _tokens(self, output: Any, side: int) -> torch.Tensor:
        # A joint block returns the text's tokens, which the last one has none of, before the image's.
        folded = fold(output[1] if isinstance(output, tuple) else output, side)
        return transpose(folded, side // 2) if self.transposed else folded
