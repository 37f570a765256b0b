"""Noise that depends on nothing but the image, so that features are reproducible and can be cached.

Each image draws from a generator of its own, seeded by its pixels. Neither the batch, the position in it, the device
nor the precision changes what is drawn.
"""

from __future__ import annotations

import hashlib

import torch


def recover_pixels(batch: torch.Tensor) -> torch.Tensor:
    """Return the 8-bit pixels behind inputs ``[B, 3, S, S]`` in −1…1, uint8 on the CPU.

    Exact in every precision: bfloat16 is wrong by at most a quarter of a grey level.
    """
    return ((batch.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def draw_noise(batch: torch.Tensor, members: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Draw the normal noise of images.

    Args:
        batch: Inputs ``[B, 3, S, S]`` in −1…1.
        members: How many noises per image; fewer are the first ones of more.
        shape: Of one latent, ``(c, h, w)``.

    Returns:
        ``[B, members, 2, c, h, w]`` float32 on the CPU: for the sample of the VAE's posterior, and ε.
    """
    return torch.stack([_draw(image, members, shape) for image in recover_pixels(batch)])


def _draw(pixels: torch.Tensor, members: int, shape: tuple[int, ...]) -> torch.Tensor:
    digest = hashlib.sha256(pixels.contiguous().numpy().tobytes()).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    each = [torch.randn((2, *shape), generator=generator, dtype=torch.float32) for _ in range(members)]
    return torch.stack(each)
