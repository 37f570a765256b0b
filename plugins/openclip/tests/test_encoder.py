"""The tokens of tiny towers against open_clip's own forward pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from PIL import Image

from visionlaw.errors import InvalidIdError
from visionlaw.features.runtime import Runtime, place
from visionlaw.protocols import LayeredEncoder, ModuleEncoder
from visionlaw.specs import EncoderSpec
from visionlaw_openclip.encoder import OpenClipEncoder, build

KINDS = ("vit", "timm", "convnext", "resnet")
Save = Callable[..., Path]
SpecOf = Callable[..., EncoderSpec]


def images(side: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def library(folder: Path, **arguments: Any) -> Any:
    return open_clip.create_model(f"local-dir:{folder}", **arguments).visual.eval()


def outputs(visual: Any, modules: list[Any], batch: torch.Tensor) -> list[torch.Tensor]:
    """Return what modules return in open_clip's full forward pass."""
    found: list[torch.Tensor] = []
    handles = [module.register_forward_hook(lambda m, i, o: found.append(o)) for module in modules]
    with torch.inference_mode():
        visual(batch)
    for handle in handles:
        handle.remove()
    return found


def expected(visual: Any, kind: str, batch: torch.Tensor) -> list[torch.Tensor]:
    """Return the tokens of all layers, as open_clip computes them on the way to its embedding."""
    if kind == "vit":
        return [found[:, 1:] for found in outputs(visual, list(visual.transformer.resblocks), batch)]
    if kind == "timm":
        blocks = [found[:, 1:] for found in outputs(visual, list(visual.trunk.blocks), batch)]
        with torch.inference_mode():
            return [*blocks[:-1], visual.trunk.forward_features(batch)[:, 1:]]
    if kind == "convnext":
        maps = outputs(visual, list(visual.trunk.stages), batch)
    else:
        maps = outputs(visual, [visual.avgpool, visual.layer1, visual.layer2, visual.layer3, visual.layer4], batch)
    return [found.flatten(2).transpose(1, 2) for found in maps]


def tokens(encoder: OpenClipEncoder, batch: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return encoder.encode(batch)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_equals_the_librarys_forward(kind: str, save: Save, spec_of: SpecOf) -> None:
    folder = save(kind)
    spec = spec_of(kind, folder)
    batch = images(spec.resolution)
    truth = expected(library(folder), kind, batch)

    encoder = build(spec)
    assert isinstance(encoder, ModuleEncoder)
    assert isinstance(encoder, LayeredEncoder)
    assert tokens(encoder, batch) == pytest.approx(truth[-1], abs=1e-5)
    for layer in range(-len(truth), len(truth)):
        of_layer = spec.of({"layer": layer})
        found = tokens(build(of_layer, layer=layer), batch)
        assert found == pytest.approx(truth[layer], abs=1e-5)
        assert found.shape[1:] == (of_layer.grid[0] * of_layer.grid[1], of_layer.channels)


@pytest.mark.parametrize("kind", KINDS)
def test_several_layers_at_once_equal_each_by_itself(kind: str, save: Save, spec_of: SpecOf) -> None:
    spec = spec_of(kind, save(kind))
    encoder = build(spec)
    batch = images(spec.resolution)

    with torch.inference_mode():
        found = encoder.encode_layers(batch, [-1, 0, -2, 0])
    for one, layer in zip(found, (-1, 0, -2, 0), strict=True):
        assert one == pytest.approx(tokens(build(spec, layer=layer), batch), abs=1e-5)


def test_a_transformer_computes_each_block_once_and_none_after_the_last_that_is_read(
    save: Save, spec_of: SpecOf
) -> None:
    encoder = build(spec_of("vit", save("vit")))
    called: list[int] = []
    for index, block in enumerate(encoder.module.transformer.resblocks):
        block.register_forward_hook(lambda m, i, o, index=index: called.append(index))

    encoder.encode_layers(images(56), [-1, 0])
    assert called == [0, 1, 2, 3]
    called.clear()
    encoder.encode_layers(images(56), [-2, 0])
    assert called == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bright_patch_lights_its_own_cell(kind: str, save: Save, spec_of: SpecOf) -> None:
    """Fails when rows and columns are swapped."""
    spec = spec_of(kind, save(kind))
    encoder = build(spec)
    for row, column in ((0, 1), (spec.grid[0] - 1, 0)):
        bright = torch.zeros(1, 3, spec.resolution, spec.resolution)
        top, left = row * spec.patch, column * spec.patch
        bright[:, :, top : top + spec.patch, left : left + spec.patch] = 4
        change = (tokens(encoder, bright) - tokens(encoder, torch.zeros_like(bright))).norm(dim=-1)[0]
        assert divmod(int(change.argmax()), spec.grid[1]) == (row, column)


@pytest.mark.parametrize(("kind", "resolution"), [("vit", 84), ("timm", 192), ("convnext", 192), ("resnet", 96)])
def test_another_resolution_is_interpolated_as_the_library_does(
    kind: str, resolution: int, save: Save, spec_of: SpecOf
) -> None:
    folder = save(kind)
    spec = spec_of(kind, folder, resolution)
    batch = images(resolution)
    if kind == "resnet":  # open_clip itself cannot: the pooling that is not read here has positions of its own
        visual = library(folder)
        visual.attnpool = torch.nn.Identity()
    else:
        visual = library(folder, force_image_size=resolution)

    assert tokens(build(spec), batch) == pytest.approx(expected(visual, kind, batch)[-1], abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_shares_a_batch_changes_nothing(kind: str, save: Save, spec_of: SpecOf) -> None:
    spec = spec_of(kind, save(kind))
    encoder = build(spec)
    batch = images(spec.resolution, 3)
    together = tokens(encoder, batch)

    for i in range(3):
        assert together[i] == pytest.approx(tokens(encoder, batch[i : i + 1])[0], abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_agrees(kind: str, dtype: Any, save: Save, spec_of: SpecOf) -> None:
    spec = spec_of(kind, save(kind))
    batch = images(spec.resolution)
    exact = tokens(build(spec), batch)

    with torch.inference_mode():
        found = place(build(spec), Runtime("cpu", dtype)).encode(batch).float()
    assert torch.nn.functional.cosine_similarity(found, exact, dim=-1).min() > 0.99


def test_the_activation_is_that_of_the_folder(save: Save, spec_of: SpecOf) -> None:
    quick, usual = save(folder="quick", quick_gelu=True), save(folder="usual")
    batch = images(56)

    found = tokens(build(spec_of("vit", quick)), batch)
    assert found == pytest.approx(expected(library(quick), "vit", batch)[-1], abs=1e-5)
    assert not torch.allclose(found, tokens(build(spec_of("vit", usual)), batch), atol=1e-3)


def test_only_the_vision_tower_stays(save: Save, spec_of: SpecOf) -> None:
    spec = spec_of("vit", save("vit"))
    module = build(spec).module

    assert sum(parameter.numel() for parameter in module.parameters()) == spec.parameters
    assert not [name for name, _ in module.named_modules() if "token_embedding" in name or "ln_final" in name]


def test_input_is_normalised_as_the_folder_says(save: Save, spec_of: SpecOf) -> None:
    pixels, geometry = build(spec_of("vit", save("vit"))).preprocess(Image.new("RGB", (30, 60), (255, 0, 0)))

    assert pixels[:, 0, 0].tolist() == pytest.approx([0.5 / 0.2, -0.4 / 0.3, -0.3 / 0.4])
    assert geometry.grid == (4, 4)


def test_reference_reads_the_last_block_but_one_of_input_from_minus_one_to_one(save: Save, spec_of: SpecOf) -> None:
    spec = spec_of("vit", save("vit"))
    encoder, batch = build(spec, mode="reference"), images(56)

    assert torch.equal(tokens(encoder, batch), tokens(build(spec, layer=-2), batch))
    pixels, _ = encoder.preprocess(Image.new("RGB", (30, 60), (255, 0, 0)))
    assert pixels[:, 0, 0].tolist() == pytest.approx([1, -1, -1])
    with pytest.raises(InvalidIdError, match="layer=-3 contradicts it"):
        build(spec, layer=-3, mode="reference")


@pytest.mark.parametrize("layer", [4, -5])
def test_a_layer_that_does_not_exist_is_refused(layer: int, save: Save, spec_of: SpecOf) -> None:
    with pytest.raises(InvalidIdError, match=f"no layer {layer}: it has 4 blocks"):
        build(spec_of("vit", save("vit")), layer=layer)


@pytest.mark.slow
def test_tokens_mean_the_same_as_those_of_clip_in_transformers(save: Save, spec_of: SpecOf) -> None:
    """The same weights in transformers' CLIPVisionModel have the same last hidden state: no ln_post."""
    transformers = pytest.importorskip("transformers")
    folder = save("vit", quick_gelu=True)
    ours = library(folder).state_dict()
    config = transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4, image_size=56, patch_size=14
    )
    theirs = transformers.CLIPVisionModel(config).eval()
    state = {
        "embeddings.class_embedding": ours["class_embedding"],
        "embeddings.patch_embedding.weight": ours["conv1.weight"],
        "embeddings.position_embedding.weight": ours["positional_embedding"],
    }
    for end in ("weight", "bias"):
        state |= {f"pre_layrnorm.{end}": ours[f"ln_pre.{end}"], f"post_layernorm.{end}": ours[f"ln_post.{end}"]}
        for i in range(4):
            old, new = f"transformer.resblocks.{i}", f"encoder.layers.{i}"
            parts = ours[f"{old}.attn.in_proj_{end}"].chunk(3)
            state |= {f"{new}.self_attn.{n}_proj.{end}": part for n, part in zip("qkv", parts, strict=True)}
            state |= {
                f"{new}.self_attn.out_proj.{end}": ours[f"{old}.attn.out_proj.{end}"],
                f"{new}.layer_norm1.{end}": ours[f"{old}.ln_1.{end}"],
                f"{new}.layer_norm2.{end}": ours[f"{old}.ln_2.{end}"],
                f"{new}.mlp.fc1.{end}": ours[f"{old}.mlp.c_fc.{end}"],
                f"{new}.mlp.fc2.{end}": ours[f"{old}.mlp.c_proj.{end}"],
            }
    prefix = "vision_model." if any(name.startswith("vision_model.") for name in theirs.state_dict()) else ""
    loaded = theirs.load_state_dict({prefix + name: value for name, value in state.items()}, strict=False)
    assert not loaded.unexpected_keys
    batch = images(56)
    with torch.inference_mode():
        truth = theirs(pixel_values=batch).last_hidden_state[:, 1:]

    assert tokens(build(spec_of("vit", folder)), batch) == pytest.approx(truth, abs=1e-5)
