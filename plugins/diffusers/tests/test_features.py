"""The tokens are those of the library's own full pass, and each option changes them as it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from visionlaw.errors import InvalidIdError
from visionlaw.protocols import LayeredEncoder, ModuleEncoder
from visionlaw_diffusers.noise import draw_noise

FAMILIES = ["sd", "variations", "sdxl", "dit", "sd3"]
UNETS = ["sd", "variations", "sdxl"]
TRANSFORMERS = ["dit", "sd3"]
Pictures = Callable[[int], list[Image.Image]]


def batch_of(encoder: Any, images: list[Image.Image]) -> torch.Tensor:
    return torch.stack([encoder.preprocess(image)[0] for image in images])


def part(cls: Any, tiny: Any, name: str) -> Any:
    return cls.from_pretrained(tiny.folder / name).eval()


def latents_of(tiny: Any, batch: torch.Tensor, member: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the library's latents and ε, given the noise of an image."""
    vae = part(AutoencoderKL, tiny, "vae")
    posterior = vae.encode(batch).latent_dist
    noise = draw_noise(batch, member + 1, tuple(posterior.mean.shape[1:]))[:, member]
    shift = vae.config.shift_factor or 0.0
    return (posterior.mean + posterior.std * noise[:, 0] - shift) * vae.config.scaling_factor, noise[:, 1]


def capture(modules: list[torch.nn.Module], forward: Callable[[], Any]) -> list[Any]:
    """Run a whole forward pass and return what modules gave on the way."""
    seen: list[Any] = []
    handles = [m.register_forward_hook(lambda m, i, o: seen.append(o)) for m in modules]
    forward()
    for handle in handles:
        handle.remove()
    return seen


@torch.no_grad()
def unet_activation(tiny: Any, family: str, batch: torch.Tensor, t: int = 1, block: int = 0, member: int = 0) -> Any:
    """Return ``[B, C, h, w]`` after an upsampling block, by the library's pipeline, VAE, scheduler and U-Net."""
    unet = part(UNet2DConditionModel, tiny, "unet")
    x, epsilon = latents_of(tiny, batch, member)
    scheduler = DDIMScheduler.from_pretrained(tiny.folder / "scheduler")
    noisy = scheduler.add_noise(x, epsilon, torch.full((len(x),), t))
    conditions = CONDITIONS[family](tiny, unet, batch)
    [activation] = capture([unet.up_blocks[block]], lambda: unet(noisy, t, **conditions))
    return activation


def sd_conditions(tiny: Any, unet: Any, batch: torch.Tensor) -> dict[str, Any]:
    pipe = StableDiffusionPipeline(
        part(AutoencoderKL, tiny, "vae"),
        part(CLIPTextModel, tiny, "text_encoder"),
        CLIPTokenizer.from_pretrained(tiny.folder / "tokenizer"),
        unet,
        PNDMScheduler.from_pretrained(tiny.folder / "scheduler"),
        None,
        None,
        requires_safety_checker=False,
    )
    prompt, _ = pipe.encode_prompt("", "cpu", 1, False)
    return {"encoder_hidden_states": prompt.expand(len(batch), -1, -1)}


def variations_conditions(tiny: Any, unet: Any, batch: torch.Tensor) -> dict[str, Any]:
    """The recipe of the model's card, by torchvision."""
    size = [28, 28]
    small = vision.resize((batch + 1) / 2, size, InterpolationMode.BICUBIC, antialias=False)
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    encoder = part(CLIPVisionModelWithProjection, tiny, "image_encoder")
    return {"encoder_hidden_states": encoder(vision.normalize(small, mean, std)).image_embeds[:, None]}


def sdxl_conditions(tiny: Any, unet: Any, batch: torch.Tensor) -> dict[str, Any]:
    pipe = StableDiffusionXLPipeline(
        part(AutoencoderKL, tiny, "vae"),
        part(CLIPTextModel, tiny, "text_encoder"),
        part(CLIPTextModelWithProjection, tiny, "text_encoder_2"),
        CLIPTokenizer.from_pretrained(tiny.folder / "tokenizer"),
        CLIPTokenizer.from_pretrained(tiny.folder / "tokenizer_2"),
        unet,
        DDIMScheduler.from_pretrained(tiny.folder / "scheduler"),
    )
    prompt, _, pooled, _ = pipe.encode_prompt("", device="cpu", do_classifier_free_guidance=False)
    side = batch.shape[-1]
    ids = pipe._get_add_time_ids((side, side), (0, 0), (side, side), torch.float32, pooled.shape[-1])
    n = len(batch)
    added = {"text_embeds": pooled.expand(n, -1), "time_ids": ids.expand(n, -1)}
    return {"encoder_hidden_states": prompt.expand(n, -1, -1), "added_cond_kwargs": added}


CONDITIONS = {"sd": sd_conditions, "variations": variations_conditions, "sdxl": sdxl_conditions}


@torch.no_grad()
def block_outputs(tiny: Any, family: str, batch: torch.Tensor, t: int = 1) -> list[torch.Tensor]:
    """Return ``[B, 16·16, C]`` after every transformer block, by the library's modules."""
    x, epsilon = latents_of(tiny, batch)
    n = len(batch)
    if family == "dit":
        network = part(DiTTransformer2DModel, tiny, "transformer")
        noisy = DDIMScheduler.from_pretrained(tiny.folder / "scheduler").add_noise(x, epsilon, torch.full((n,), t))
        labels = torch.full((n,), 10)
        return capture(
            list(network.transformer_blocks),
            lambda: network(noisy, timestep=torch.full((n,), t), class_labels=labels),
        )
    network = part(SD3Transformer2DModel, tiny, "transformer")
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(tiny.folder / "scheduler")
    pipe = StableDiffusion3Pipeline(
        network,
        scheduler,
        part(AutoencoderKL, tiny, "vae"),
        part(CLIPTextModelWithProjection, tiny, "text_encoder"),
        CLIPTokenizer.from_pretrained(tiny.folder / "tokenizer"),
        part(CLIPTextModelWithProjection, tiny, "text_encoder_2"),
        CLIPTokenizer.from_pretrained(tiny.folder / "tokenizer_2"),
        None,
        None,
    )
    prompt, _, pooled, _ = pipe.encode_prompt(
        "", None, None, device="cpu", do_classifier_free_guidance=False, max_sequence_length=77
    )
    time = scheduler.timesteps[-t].expand(n)
    noisy = scheduler.scale_noise(x, time, epsilon)
    outputs = capture(
        list(network.transformer_blocks),
        lambda: network(noisy, prompt.expand(n, -1, -1), pooled.expand(n, -1), time),
    )
    assert outputs[-1][0] is None
    return [image for _, image in outputs]


def folded(tokens: torch.Tensor) -> torch.Tensor:
    """Fold 16×16 tokens one by one: top left, bottom left, top right, bottom right."""
    rows = []
    for row in range(8):
        for column in range(8):
            at = [(2 * row + y) * 16 + 2 * column + x for x in (0, 1) for y in (0, 1)]
            rows.append(torch.cat([tokens[:, index] for index in at], dim=-1))
    return torch.stack(rows, dim=1)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """To 1e-5 of the largest value: weights that are memory-mapped are summed in another order."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("family", UNETS)
@pytest.mark.parametrize(("t", "block"), [(1, 0), (1, 1), (261, 2)])
def test_unet_tokens_are_those_of_the_full_pass(tiny: Any, family: str, t: int, block: int, pictures: Pictures) -> None:
    encoder = tiny(family).build(t=t, block=block)
    batch = batch_of(encoder, pictures(2))
    activation = unet_activation(tiny(family), family, batch, t, block)
    tokens = encoder.encode(batch)

    spec = tiny(family).spec.of({"block": block})
    assert activation.shape[1:] == (spec.channels, *spec.grid)
    _, w = spec.grid
    for row, column in ((0, 0), (0, w - 1), (3, 5), (w - 1, 0)):
        close(tokens[:, row * w + column], activation[:, :, row, column])
    close(tokens, activation.flatten(2).mT)


@pytest.mark.parametrize("family", TRANSFORMERS)
@pytest.mark.parametrize("t", [1, 261])
def test_transformer_tokens_are_those_of_the_full_pass(tiny: Any, family: str, t: int, pictures: Pictures) -> None:
    encoder = tiny(family).build(t=t)
    batch = batch_of(encoder, pictures(2))
    every = block_outputs(tiny(family), family, batch, t)

    close(encoder.encode(batch), folded(every[-1]))
    for layer in (0, 2, -3):
        close(tiny(family).build(t=t, layer=layer).encode(batch), folded(every[layer]))


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_layers_come_from_one_pass_that_ends_at_the_last(tiny: Any, family: str, pictures: Pictures) -> None:
    encoder = tiny(family).build()
    assert isinstance(encoder, LayeredEncoder)
    batch = batch_of(encoder, pictures(1))
    calls: list[int] = []
    for index, block in enumerate(encoder.module.denoiser.blocks):
        block.register_forward_hook(lambda m, i, o, index=index: calls.append(index))
    first, again, third = encoder.encode_layers(batch, [0, -4, 2])

    assert calls == [0, 1, 2]
    assert torch.equal(first, again)
    every = block_outputs(tiny(family), family, batch)
    close(first, folded(every[0]))
    close(third, folded(every[2]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("low", "right"), [(0, 1), (1, 0)])
def test_a_change_in_a_quarter_of_the_image_is_found_there(
    tiny: Any, family: str, low: int, right: int, pictures: Pictures
) -> None:
    """Fails when rows and columns are swapped."""
    encoder = tiny(family).build()
    moments = encoder.module.latents.quant_conv or encoder.module.latents.encoder.conv_out
    moments.bias.data[len(moments.bias) // 2 :] = -60  # no posterior noise, which another image would change all over
    encoder.module.latents.scale = 20  # far above ε, which is another one all over, too
    [plain] = batch_of(encoder, pictures(1))
    changed = plain.clone()
    quarter = changed.unflatten(2, (2, 32)).unflatten(1, (2, 32))[:, low, :, right]
    quarter.copy_(-quarter)
    before, after = encoder.encode(torch.stack([plain, changed]))
    h, w = tiny(family).spec.grid
    moved = (after - before).norm(dim=-1).reshape(2, h // 2, 2, w // 2).mean((1, 3))
    assert divmod(int(moved.argmax()), 2) == (low, right)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_shares_a_batch_changes_nothing(tiny: Any, family: str, pictures: Pictures) -> None:
    encoder = tiny(family).build(ensemble=2)
    batch = batch_of(encoder, pictures(3))
    together = encoder.encode(batch)

    close(encoder.encode(batch.flip(0)).flip(0), together)
    for index in range(3):
        close(encoder.encode(batch[index : index + 1])[0], together[index])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_image_gives_the_same_bytes_whatever_the_global_generator(
    tiny: Any, family: str, pictures: Pictures
) -> None:
    torch.manual_seed(1)
    first = tiny(family).build()
    batch = batch_of(first, pictures(1))
    expected = first.encode(batch)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again = tiny(family).build().encode(batch)

    assert torch.equal(again, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_ensemble_is_the_mean_over_noises(tiny: Any, pictures: Pictures) -> None:
    encoder = tiny("sd").build(ensemble=3, t=400)
    batch = batch_of(encoder, pictures(2))
    members = [unet_activation(tiny("sd"), "sd", batch, t=400, member=m).flatten(2).mT for m in range(3)]

    close(encoder.encode(batch), torch.stack(members).mean(0))
    assert (members[0] - members[1]).abs().max() > 0.1
    close(tiny("sd").build(t=400).encode(batch), members[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_time_step_changes_the_features(tiny: Any, family: str, pictures: Pictures) -> None:
    batch = batch_of(tiny(family).build(), pictures(1))
    first, later = (tiny(family).build(t=t).encode(batch) for t in (1, 500))
    assert (first - later).abs().max() > 0.05


@pytest.mark.parametrize("family", FAMILIES)
def test_pixels_go_in_as_minus_one_to_one_with_an_exact_geometry(tiny: Any, family: str) -> None:
    encoder = tiny(family).build()
    assert isinstance(encoder, ModuleEncoder)
    pixels, geometry = encoder.preprocess(Image.new("L", (123, 77), 255))
    assert torch.equal(pixels, torch.ones(3, 64, 64))
    assert geometry.grid == tiny(family).spec.grid
    assert geometry.to_grid([122.5, 76.5]) == pytest.approx([geometry.grid[1] - 0.5, geometry.grid[0] - 0.5])


@pytest.mark.parametrize(
    ("family", "options", "words"),
    [
        ("sd", {"block": 3}, "3 upsampling blocks"),
        ("sd", {"block": -1}, "3 upsampling blocks"),
        ("sd", {"t": 1000}, "0 to 999"),
        ("sd", {"ensemble": 0}, "at least 1"),
        ("sd3", {"t": 0}, "1 to 1000"),
        ("sd3", {"layer": 4}, "4 blocks"),
        ("dit", {"layer": -5}, "4 blocks"),
        ("dit", {"layer": 1, "mode": "reference"}, "not layer 1"),
    ],
)
def test_an_option_out_of_range_is_told(tiny: Any, family: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidIdError, match=words):
        tiny(family).build(**options)


def test_a_layer_that_is_not_there_is_told_when_it_is_asked_for(tiny: Any, pictures: Pictures) -> None:
    encoder = tiny("dit").build()
    with pytest.raises(InvalidIdError, match="4 blocks"):
        encoder.encode_layers(batch_of(encoder, pictures(1)), [0, 4])
