"""2×2 tokens into one, and tokens the wrong way round."""

from __future__ import annotations

import torch


def fold(tokens: torch.Tensor, side: int) -> torch.Tensor:
    """Fold each 2×2 neighbourhood of tokens into the channels of one.

    A token's channels are those of its four, one after the other, column by column as the publications' code does: top
    left, bottom left, top right, bottom right.

    Args:
        tokens: ``[B, side·side, C]``, row-major; ``side`` is even.
        side: Tokens per side.

    Returns:
        ``[B, (side/2)², 4·C]``, row-major.
    """
    count, _, channels = tokens.shape
    half = side // 2
    grid = tokens.reshape(count, half, 2, half, 2, channels)  # [B, row, y, column, x, C]
    return grid.permute(0, 1, 3, 4, 2, 5).reshape(count, half * half, 4 * channels)


def transpose(tokens: torch.Tensor, side: int) -> torch.Tensor:
    """Swap rows and columns of tokens ``[B, side·side, C]``, as the publications' code does to DiT's."""
    return tokens.unflatten(1, (side, side)).transpose(1, 2).flatten(1, 2)
