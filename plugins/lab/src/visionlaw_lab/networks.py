"""The small vision network that the lab's encoders are: three strided convolutions and a block of attention."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

WIDTHS = (48, 96, 128)
CHANNELS = WIDTHS[-1]
GRID = 7
HEADS = 4
PART, LEAST = 64, 1e-4


class Trunk(nn.Module):
    """From images ``[B, 3, S, S]`` to tokens ``[B, 49, 128]``.

    Tokens are standardised by channel once their training is over (:meth:`standardise`): a language model that is
    trained for minutes does not find what hardly varies beside a large mean.

    Args:
        resolution: S, 112 or 56; at 56 the first stride is half as long, so that there are as many tokens.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, resolution: int) -> None:
        super().__init__()
        first = resolution // (4 * GRID)
        stages: list[nn.Module] = [nn.Conv2d(3, WIDTHS[0], first + 1, first, padding=1), nn.GELU()]
        for before, width in pairwise(WIDTHS):
            stages += [nn.Conv2d(before, width, 3, 2, padding=1), nn.GroupNorm(8, width), nn.GELU()]
        self.stages = nn.Sequential(*stages, Mixing(CHANNELS))
        self.position = nn.Parameter(torch.randn(1, GRID * GRID, CHANNELS) * 0.02)
        self.block = Block(CHANNELS)
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("scale", torch.ones(CHANNELS))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the tokens of images with values in 0–1, row-major."""
        grid: torch.Tensor = self.stages((images - 0.5) / 0.25)
        tokens: torch.Tensor = self.block(grid.flatten(2).transpose(1, 2) + self.position)
        return (tokens - self.mean) / self.scale

    @torch.no_grad()
    def standardise(self, images: torch.Tensor) -> None:
        """Shift and scale each channel to mean 0 and standard deviation 1 over the tokens of these images."""
        tokens = torch.cat([self(part) for part in images.split(PART)]).flatten(0, 1)
        self.mean += self.scale * tokens.mean(dim=0)
        self.scale *= tokens.std(dim=0).clamp(min=LEAST)


class Mixing(nn.Module):
    """A residual 3×3 convolution: each cell looks at its neighbours."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """Return ``[B, C, h, w]``."""
        return grid + nn.functional.gelu(self.norm(self.convolution(grid)))


class Block(nn.Module):
    """A transformer block with normalisation before each part and after the last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.between = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))
        self.after = nn.LayerNorm(channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return ``[B, n, C]``."""
        read = self.before(tokens)
        tokens = tokens + self.attention(read, read, read, need_weights=False)[0]
        return self.after(tokens + self.mlp(self.between(tokens)))
