"""The control: a convolution net that was never trained."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from visionlaw.specs import EncoderSpec
from visionlaw_classical.encoder import DenseEncoder, Pixels, Tokens
from visionlaw_classical.windows import to_tokens

WIDTHS = (3, 32, 64, 128, 256)
KERNEL = 4
SEED = 0
FLOOR = 0.01


def random(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/random``: four convolutions 4×4 of stride 2 with He-normal weights of seed 0.

    Its architecture gives it locality, colour and a receptive field of 46 pixels; nothing else is in it. Whatever it
    scores is what the architecture and the data set give away, and an encoder below it has learned nothing useful.
    Even kernels keep its tokens centred where the geometry says.
    """
    kernels = _draw_kernels()
    return DenseEncoder(spec, lambda pixels: _describe(pixels, kernels))


def _draw_kernels() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(SEED)
    kernels: list[torch.Tensor] = []
    for before, after in pairwise(WIDTHS):
        deviation = (2 / (before * KERNEL**2)) ** 0.5
        kernels.append(torch.randn(after, before, KERNEL, KERNEL, generator=generator) * deviation)
    return kernels


@torch.inference_mode()
def _describe(pixels: Pixels, kernels: list[torch.Tensor]) -> Tokens:
    features = (torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None] - 0.5) / 0.25
    for kernel in kernels:
        features = torch.nn.functional.conv2d(features, kernel, stride=2, padding=1).relu()
    return to_tokens(features[0].permute(1, 2, 0).numpy(), FLOOR)
