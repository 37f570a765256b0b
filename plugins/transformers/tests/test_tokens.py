"""What the tokens of every architecture are, compared with the library's own forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.errors import InvalidIdError
from visionlaw.features.runtime import DTYPES, Dtype, Runtime, place
from visionlaw.protocols import Encoder, LayeredEncoder, ModuleEncoder
from visionlaw.targets import load_target

BLOCKS = 4


def photo(side: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def calls(blocks: Any) -> list[int]:
    """Return a list that grows by the index of each block that is run."""
    run: list[int] = []
    for index, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, index=index: run.append(index))
    return run


def test_tokens_are_the_library_s(loaded: Any) -> None:
    encoder, images = loaded.encoder(), loaded.images()
    assert isinstance(encoder, Encoder)
    assert isinstance(encoder, ModuleEncoder)
    assert isinstance(encoder, LayeredEncoder)

    tokens = encoder.encode(images)

    h, w = loaded.spec.grid
    assert tokens.shape == (2, h * w, loaded.spec.channels)
    torch.testing.assert_close(tokens, loaded.hidden_states(images)[-1], atol=1e-5, rtol=0)


def test_special_tokens_are_dropped_and_nothing_else(loaded: Any) -> None:
    """The library returns as many more tokens as the architecture has class tokens and registers."""
    encoder, images = loaded.encoder(), loaded.images(1)
    with torch.inference_mode():
        whole = loaded.model(pixel_values=images).last_hidden_state

    assert whole.shape[1] - encoder.encode(images).shape[1] == loaded.case.special
    assert encoder.tower.start == loaded.case.special


@pytest.mark.parametrize(("row", "column"), [(0, -1), (-1, 0), (1, 2)])
def test_a_bright_patch_lights_its_own_cell(loaded: Any, row: int, column: int) -> None:
    """Fails when rows and columns are swapped, or when tokens are shifted by a special one."""
    encoder, spec = loaded.encoder(), loaded.spec
    (h, w), patch = spec.grid, spec.patch
    row, column = row % h, column % w
    pixels = np.full((spec.resolution, spec.resolution, 3), 90, dtype=np.uint8)
    dark, _ = encoder.preprocess(Image.fromarray(pixels))
    rng = np.random.default_rng(0)
    pixels[row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = rng.integers(
        180, 256, (patch, patch, 3)
    )
    bright, geometry = encoder.preprocess(Image.fromarray(pixels))

    before, after = encoder.encode(torch.stack([dark, bright]))

    lit = int((after - before).norm(dim=-1).argmax())
    assert divmod(lit, w) == (row, column)
    x, y = geometry.cell_centres()[lit]
    assert column * patch <= x + 0.5 <= (column + 1) * patch
    assert row * patch <= y + 0.5 <= (row + 1) * patch


def test_every_layer_is_the_library_s_hidden_state(loaded: Any) -> None:
    images = loaded.images()
    states = loaded.hidden_states(images)

    for layer in range(-BLOCKS, BLOCKS):
        expected = states[1:][layer]
        torch.testing.assert_close(loaded.encoder(layer=layer).encode(images), expected, atol=1e-5, rtol=0)


def test_layers_of_one_pass_are_those_of_separate_passes(loaded: Any) -> None:
    images, wanted = loaded.images(), [-1, 0, -2, 0, 3]
    encoder = loaded.encoder()
    run = calls(encoder.tower.blocks)

    together = encoder.encode_layers(images, wanted)

    assert run == [0, 1, 2, 3]
    for layer, tokens in zip(wanted, together, strict=True):
        assert torch.equal(tokens, loaded.encoder(layer=layer).encode(images))
    inner = encoder.encode_layers(images, [-2, 0])
    assert torch.equal(inner[0], together[2])
    assert torch.equal(inner[1], together[1])


@pytest.mark.parametrize(("layer", "blocks"), [(0, [0]), (-3, [0, 1]), (-2, [0, 1, 2]), (-1, [0, 1, 2, 3])])
def test_no_block_runs_after_the_one_that_is_read(load: Any, layer: int, blocks: list[int]) -> None:
    loaded = load("clip")
    encoder = loaded.encoder(layer=layer)
    run = calls(encoder.tower.blocks)
    encoder.encode(loaded.images())

    assert run == blocks


def test_what_shares_a_batch_changes_nothing(loaded: Any) -> None:
    encoder, images = loaded.encoder(), loaded.images(3)
    together = encoder.encode(images)

    for index in range(3):
        torch.testing.assert_close(encoder.encode(images[index : index + 1])[0], together[index], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_near(loaded: Any, dtype: Dtype) -> None:
    images = loaded.images()
    exact = loaded.encoder().encode(images)
    rounded = place(loaded.encoder(), Runtime(device="cpu", dtype=dtype)).encode(images)

    assert rounded.dtype == DTYPES[dtype]
    assert torch.nn.functional.cosine_similarity(rounded.float(), exact, dim=-1).min() > 0.995


def test_autocast_keeps_the_weights(loaded: Any) -> None:
    images = loaded.images()
    encoder = loaded.encoder()
    lowered = place(encoder, Runtime(device="cpu", dtype="bfloat16", autocast=True)).encode(images)

    assert {parameter.dtype for parameter in encoder.module.parameters()} == {torch.float32}
    exact = loaded.encoder().encode(images)
    assert torch.nn.functional.cosine_similarity(lowered.float(), exact, dim=-1).min() > 0.995


def test_reference_reads_the_last_but_one_layer_of_pixels_between_minus_one_and_one(loaded: Any) -> None:
    image = photo(loaded.spec.resolution)
    encoder = loaded.encoder(mode="reference")
    inputs, _ = encoder.preprocess(image)
    pixels = (torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255 - 0.5) * 2

    torch.testing.assert_close(inputs, pixels, atol=1e-6, rtol=0)
    states = loaded.hidden_states(pixels[None])
    torch.testing.assert_close(encoder.encode(inputs[None]), states[-2], atol=1e-5, rtol=0)
    # A loop that reads layers by their number would take the wrong one.
    assert not isinstance(encoder, LayeredEncoder)


def test_reference_takes_no_layer(load: Any) -> None:
    with pytest.raises(InvalidIdError, match="layer -3 and mode=reference"):
        load("clip").encoder(layer=-3, mode="reference")


@pytest.mark.parametrize("layer", [-5, 4])
def test_a_layer_that_is_not_there_is_told_with_the_number_of_blocks(load: Any, layer: int) -> None:
    loaded = load("dinov2")
    with pytest.raises(InvalidIdError, match=f"has 4 blocks, and none that is layer {layer}"):
        loaded.encoder(layer=layer)
    with pytest.raises(InvalidIdError, match="has 4 blocks"):
        loaded.encoder().encode_layers(loaded.images(), [0, layer])


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("clip", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ("siglip", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("siglip2", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("dinov2", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("dinov3", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("vit", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)),
    ],
)
def test_each_family_has_its_own_normalisation(load: Any, name: str, mean: Any, std: Any) -> None:
    """Of the families, that of their original code; of any other model, what its processor says."""
    inputs, _ = load(name).encoder().preprocess(Image.new("RGB", (40, 30), (51, 102, 153)))
    expected = [(value - m) / s for value, m, s in zip((0.2, 0.4, 0.6), mean, std, strict=True)]

    assert inputs.mean(dim=(1, 2)).tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "resolution", "arguments"),
    [
        ("clip", 288, {"interpolate_pos_encoding": True}),
        ("siglip", 256, {"interpolate_pos_encoding": True}),
        ("siglip2", 320, {"interpolate_pos_encoding": True}),
        ("dinov2", 224, {}),
        ("dinov2", 336, {}),
        ("dinov2-reg", 98, {}),
        ("dinov3", 112, {}),
        ("vit", 96, {"interpolate_pos_encoding": True}),
        ("data2vec", 96, {"interpolate_pos_encoding": True}),
    ],
)
def test_other_resolutions_interpolate_as_the_library_does(
    load: Any, registry: Any, name: str, resolution: int, arguments: dict[str, Any]
) -> None:
    loaded = load(name)
    prefix, _, _ = loaded.spec.id.rpartition("@")
    # Of SigLIP at 256 px there are weights of their own: here those for 224 px are taken further.
    spec = loaded.spec.model_copy(update={"resolution": resolution})
    if name != "siglip":
        spec = registry.encoder_spec(f"{prefix}@{resolution}").model_copy(
            update={"channels": loaded.spec.channels, "checkpoint": loaded.spec.checkpoint}
        )
    images = torch.randn(1, 3, resolution, resolution, generator=torch.Generator().manual_seed(2))
    tokens = load_target(spec, "visionlaw-transformers", {}).encode(images)

    side = resolution // spec.patch
    assert tokens.shape[1] == side * side
    torch.testing.assert_close(tokens, loaded.hidden_states(images, **arguments)[-1], atol=1e-5, rtol=0)


def test_attention_is_torch_s_own(loaded: Any) -> None:
    assert loaded.encoder().module.config._attn_implementation == "sdpa"
