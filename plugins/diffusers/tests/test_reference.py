"""Mode ``reference``: the publications' departures from the models, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTTransformer2DModel, UNet2DConditionModel
from PIL import Image
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from visionlaw_diffusers.noise import draw_noise

Pictures = Callable[[int], list[Image.Image]]


def batch_of(encoder: Any, images: list[Image.Image]) -> torch.Tensor:
    return torch.stack([encoder.preprocess(image)[0] for image in images])


def noisy_latents(tiny: Any, batch: torch.Tensor) -> torch.Tensor:
    vae = AutoencoderKL.from_pretrained(tiny.folder / "vae")
    posterior = vae.encode(batch).latent_dist
    noise = draw_noise(batch, 1, tuple(posterior.mean.shape[1:]))[:, 0]
    latents = (posterior.mean + posterior.std * noise[:, 0]) * vae.config.scaling_factor
    scheduler = DDIMScheduler.from_pretrained(tiny.folder / "scheduler")
    return scheduler.add_noise(latents, noise[:, 1], torch.ones(len(batch), dtype=torch.long))


def output_of(module: torch.nn.Module, forward: Callable[[], Any]) -> Any:
    seen: list[Any] = []
    handle = module.register_forward_hook(lambda m, i, o: seen.append(o))
    forward()
    handle.remove()
    return seen[0]


def test_stable_diffusion_is_the_same_in_both_modes(tiny: Any, pictures: Pictures) -> None:
    strict, reference = tiny("sd").build(), tiny("sd").build(mode="reference")
    batch = batch_of(strict, pictures(1))
    assert torch.equal(strict.encode(batch), reference.encode(batch))


@torch.no_grad()
def test_variations_sees_itself_without_normalisation(tiny: Any, pictures: Pictures) -> None:
    encoder = tiny("variations").build(mode="reference")
    batch = batch_of(encoder, pictures(2))
    images = CLIPVisionModelWithProjection.from_pretrained(tiny("variations").folder / "image_encoder")
    embedding = images(functional.interpolate(batch, (28, 28), mode="bilinear")).image_embeds[:, None]
    unet = UNet2DConditionModel.from_pretrained(tiny("variations").folder / "unet")
    noisy = noisy_latents(tiny("variations"), batch)
    expected = output_of(unet.up_blocks[0], lambda: unet(noisy, 1, embedding)).flatten(2).mT

    torch.testing.assert_close(encoder.encode(batch), expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(tiny("variations").build().encode(batch), expected, atol=1e-2)


@torch.no_grad()
def test_sdxl_is_told_no_sizes(tiny: Any, pictures: Pictures) -> None:
    strict, encoder = tiny("sdxl").build(), tiny("sdxl").build(mode="reference")
    batch = batch_of(encoder, pictures(2))
    unet = UNet2DConditionModel.from_pretrained(tiny("sdxl").folder / "unet")
    unet.get_aug_embed = lambda *args, **kwargs: None
    prompt = strict.module.denoiser.condition.encoder_hidden_states.expand(2, -1, -1)
    noisy = noisy_latents(tiny("sdxl"), batch)
    expected = output_of(unet.up_blocks[0], lambda: unet(noisy, 1, prompt)).flatten(2).mT

    torch.testing.assert_close(encoder.encode(batch), expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(strict.encode(batch), expected, atol=1e-2)


class NoClass(torch.nn.Module):
    def forward(self, labels: torch.Tensor) -> int:
        return 0


@torch.no_grad()
def test_dit_is_told_no_class_at_all_and_its_tokens_are_transposed(tiny: Any, pictures: Pictures) -> None:
    encoder = tiny("dit").build(mode="reference")
    batch = batch_of(encoder, pictures(2))
    network = DiTTransformer2DModel.from_pretrained(tiny("dit").folder / "transformer")
    for block in network.transformer_blocks:
        block.norm1.emb.class_embedder = NoClass()
    noisy, times = noisy_latents(tiny("dit"), batch), torch.ones(2, dtype=torch.long)
    last = network.transformer_blocks[-1]
    tokens = output_of(last, lambda: network(noisy, timestep=times, class_labels=times))
    grid = tokens.mT.reshape(2, 16, 16, 16).unfold(3, 2, 2).unfold(2, 2, 2)  # [B, C, row, column, x, y]
    folded = grid.permute(0, 4, 5, 1, 2, 3).reshape(2, 64, 8, 8)
    expected = folded.permute(0, 3, 2, 1).reshape(2, 64, 64)  # column by column

    torch.testing.assert_close(encoder.encode(batch), expected, atol=1e-5, rtol=1e-4)
    strict = tiny("dit").build().encode(batch)
    assert not torch.allclose(strict.reshape(2, 8, 8, 64).transpose(1, 2).reshape(2, 64, 64), expected, atol=1e-2)


@torch.no_grad()
def test_sd3_gets_unshifted_latents_without_noise(tiny: Any, pictures: Pictures) -> None:
    encoder = tiny("sd3").build(mode="reference")
    batch = batch_of(encoder, pictures(1))
    vae = AutoencoderKL.from_pretrained(tiny("sd3").folder / "vae")
    posterior = vae.encode(batch).latent_dist
    noise = draw_noise(batch, 1, tuple(posterior.mean.shape[1:]))[:, 0, 0]
    given: list[Any] = []
    encoder.module.denoiser.network.register_forward_pre_hook(
        lambda m, args, kwargs: given.append(kwargs), with_kwargs=True
    )
    encoder.encode(batch)

    expected = (posterior.mean + posterior.std * noise) * 1.5305
    torch.testing.assert_close(given[0]["hidden_states"], expected, atol=1e-5, rtol=1e-5)
    assert given[0]["timestep"].tolist() == [1]
