"""The Stable Diffusion 1.5 U-Net in full size, with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from visionlaw.features.early_exit import read_outputs
from visionlaw_diffusers.conditioning import Constant
from visionlaw_diffusers.denoisers import UNet


def flops(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@torch.no_grad()
def test_reading_the_first_block_at_768_pixels_saves_over_half_of_the_work(
    published: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with torch.device("meta"):
        network = UNet2DConditionModel(**published["unets"]["sd/1.5@768"])
        latents, prompt = torch.empty(1, 4, 96, 96), torch.empty(1, 77, 768)

        def forward() -> object:
            return network(latents, 1, prompt)

        whole = flops(forward)
        saved = {
            block: 1 - flops(lambda block=block: read_outputs([network.up_blocks[block]], forward)) / whole
            for block in range(4)
        }
    shares = ", ".join(f"block {block} saves {share:.0%}" for block, share in saved.items())
    with capsys.disabled():
        print(f"\nSD 1.5 U-Net at 768 px, {whole / 1e12:.2f} TFLOP in full: {shares}")

    assert 0.5 < saved[0] < 0.7
    assert saved[0] > saved[1] > saved[2] > saved[3] >= 0


@pytest.mark.slow
@torch.inference_mode()
def test_the_unet_at_768_pixels(published: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Its first upsampling block gives 24×24 tokens of 1280 channels."""
    generator = torch.Generator().manual_seed(0)
    prompt = torch.randn(1, 77, 768, generator=generator)
    with torch.device("meta"):
        network = UNet2DConditionModel(**published["unets"]["sd/1.5@768"])
    unet = UNet(network, Constant({}), block=0).to_empty(device="cpu").eval()
    for weight in unet.parameters():
        weight.normal_(0, 0.02, generator=generator)
    latents = torch.randn(1, 4, 96, 96, generator=generator)
    start = time.perf_counter()
    [tokens] = unet.read(latents, torch.tensor([1]), {"encoder_hidden_states": prompt}, [-1])
    with capsys.disabled():
        print(f"\nSD 1.5 U-Net at 768 px up to block 0, float32: {time.perf_counter() - start:.1f} s")

    assert tokens.shape == (1, 24 * 24, 1280)
    assert torch.isfinite(tokens).all()
    assert tokens[0].std(0).mean() > 0
