"""Where a vision transformer has its blocks, and which of its tokens are patches, found by looking at it at work.

Class tokens, distillation tokens and registers differ from model to model, and so does where they stand. What they
have in common is that no pixel reaches them before the first block; so that is where patch tokens are told from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from visionlaw.features.early_exit import read_outputs

Forward = Callable[[torch.Tensor], Any]
NOISE = 1e-3
"""Of the largest change of a token; less is rounding."""


def find_blocks(module: nn.Module, count: int) -> list[nn.Module]:
    """Return the blocks of a network: its outermost list of ``count`` modules, or nothing where there is none."""
    for candidate in module.modules():
        if isinstance(candidate, nn.ModuleList) and len(candidate) == count:
            return list(candidate)
    return []


def first_patch(blocks: Sequence[nn.Module], forward: Forward, resolution: int, grid: tuple[int, int]) -> int | None:
    """Return the index of the first patch token; None where the tokens are no row-major grid of patches.

    Three images go as far as the first block: an empty one, one with noise in its top-right patch, and one with noise
    in its bottom-left patch. On a grid h×w that begins at index s, only the tokens s + w − 1 and s + (h − 1)·w change.

    Args:
        blocks: Of the network; only the first one is run.
        forward: Runs the network on ``[B, 3, S, S]``.
        resolution: S.
        grid: (h, w) that is expected.
    """
    h, w = grid
    patch = resolution // w
    images = torch.zeros(3, 3, resolution, resolution)
    noise = torch.randn(3, patch, patch, generator=torch.Generator().manual_seed(0))
    images[1, :, :patch, (w - 1) * patch : w * patch] = noise
    images[2, :, (h - 1) * patch : h * patch, :patch] = noise
    tokens = _entering(blocks[0], forward, images)
    if tokens is None or tokens.ndim != 3:
        return None
    change = (tokens[1:] - tokens[0]).abs().amax(dim=-1)
    right, below = ((row > NOISE * row.max()).nonzero().flatten().tolist() for row in change)
    if len(right) != 1 or len(below) != 1:
        return None
    start = right[0] - (w - 1)
    fits = below[0] == start + (h - 1) * w and start >= 0 and start + h * w <= tokens.shape[1]
    return start if fits else None


def _entering(block: nn.Module, forward: Forward, images: torch.Tensor) -> torch.Tensor | None:
    """Return the tokens that enter a block."""
    seen: list[Any] = []

    def keep(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append(inputs[0] if inputs else named.get("hidden_states"))

    handle = block.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        with torch.inference_mode():
            read_outputs([block], lambda: forward(images))
    finally:
        handle.remove()
    return seen[0] if isinstance(seen[0], torch.Tensor) else None
