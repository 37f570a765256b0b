"""The tokens of tiny models against timm's own forward pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from PIL import Image

from visionlaw.errors import InvalidIdError, WeightsError
from visionlaw.features.runtime import Runtime, place
from visionlaw.protocols import LayeredEncoder, ModuleEncoder
from visionlaw.specs import EncoderSpec
from visionlaw_timm.encoder import TimmEncoder, build

# Kind: class token and registers in front of the tokens.
PREFIX = {"vit": 1, "registers": 5, "siglip": 0, "eva": 1}
KINDS = (*PREFIX, "sam", "swin", "convnext", "resnet", "hiera")
ONE_PASS = (*PREFIX, "sam", "swin", "convnext")
Save = Callable[..., Path]
SpecOf = Callable[..., EncoderSpec]


def images(side: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def library(folder: Path, **arguments: Any) -> Any:
    return timm.create_model(f"local-dir:{folder}", pretrained=True, **arguments).eval()


def blocks_of(model: Any) -> list[Any]:
    for names in (["blocks"], ["stages"], ["layers"]):
        if hasattr(model, names[0]):
            return list(getattr(model, names[0]))
    return [model.act1, model.layer1, model.layer2, model.layer3, model.layer4]


def grid_tokens(kind: str, output: torch.Tensor, grid: int) -> torch.Tensor:
    """Turn what timm computes in into tokens: with prefix tokens, channels last (Swin, SAM) or channels first."""
    if kind in PREFIX:
        return output[:, PREFIX[kind] :]
    channels_last = output.shape[1:3] == (grid, grid)
    return output.flatten(1, 2) if channels_last else output.flatten(2).transpose(1, 2)


def expected(model: Any, kind: str, spec: EncoderSpec, batch: torch.Tensor) -> list[torch.Tensor]:
    """Return the tokens of all layers, as timm's ``forward_features`` computes them."""
    raw: list[torch.Tensor] = []
    handles = [block.register_forward_hook(lambda m, i, o: raw.append(o)) for block in blocks_of(model)]
    with torch.inference_mode():
        final = model.forward_features(batch)
    for handle in handles:
        handle.remove()
    grids = [spec.of({"layer": layer}).grid[0] for layer in range(len(raw))]
    return [grid_tokens(kind, one, grid) for one, grid in zip([*raw[:-1], final], grids, strict=True)]


def tokens(encoder: TimmEncoder, batch: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return encoder.encode(batch)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "hiera"])
def test_every_layer_equals_the_librarys_forward(kind: str, save: Save, spec_of: SpecOf) -> None:
    folder = save(kind)
    spec = spec_of(kind, folder)
    batch = images(spec.resolution)
    truth = expected(library(folder), kind, spec, batch)

    encoder = build(spec)
    assert isinstance(encoder, ModuleEncoder)
    assert isinstance(encoder, LayeredEncoder)
    assert tokens(encoder, batch) == pytest.approx(truth[-1], abs=1e-5)
    for layer in range(-len(truth), len(truth)):
        of_layer = spec.of({"layer": layer})
        found = tokens(build(of_layer, layer), batch)
        assert found == pytest.approx(truth[layer], abs=1e-5)
        assert found.shape[1:] == (of_layer.grid[0] * of_layer.grid[1], of_layer.channels)


def test_a_model_without_a_norm_after_its_blocks_is_read_too(save: Save, spec_of: SpecOf) -> None:
    """Hiera keeps its tokens in another order; timm's forward_intermediates sorts them."""
    folder = save("hiera")
    spec = spec_of("hiera", folder)
    batch = images(64)
    with torch.inference_mode():
        truth = library(folder).forward_intermediates(batch, intermediates_only=True)[-1]

    assert tokens(build(spec), batch) == pytest.approx(truth.flatten(2).transpose(1, 2), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_several_layers_at_once_equal_each_by_itself(kind: str, save: Save, spec_of: SpecOf) -> None:
    spec = spec_of(kind, save(kind))
    encoder = build(spec)
    batch = images(spec.resolution)
    calls: list[int] = []
    blocks_of(encoder.module)[-2].register_forward_hook(lambda m, i, o: calls.append(1))

    with torch.inference_mode():
        found = encoder.encode_layers(batch, [-1, 0, -2, 0])
    assert len(calls) == 1 or kind not in ONE_PASS
    for one, layer in zip(found, (-1, 0, -2, 0), strict=True):
        assert one == pytest.approx(tokens(build(spec, layer), batch), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_after_the_layer_is_computed(kind: str, save: Save, spec_of: SpecOf) -> None:
    encoder = build(spec_of(kind, save(kind)), layer=-2)
    called: list[int] = []
    blocks = blocks_of(encoder.module)
    for index, block in enumerate(blocks):
        block.register_forward_hook(lambda m, i, o, index=index: called.append(index))

    tokens(encoder, images(spec_of(kind, Path("unused")).resolution, 1))
    assert max(called) == len(blocks) - 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_bright_patch_lights_its_own_cell(kind: str, save: Save, spec_of: SpecOf) -> None:
    """Fails when rows and columns are swapped, as they are where channels come last and are taken to come first."""
    layer = -2 if kind == "sam" else -1  # the convolutions after SAM's last block spread a change
    spec = spec_of(kind, save(kind)).of({"layer": layer})
    encoder = build(spec, layer=layer)
    for row, column in ((0, 1), (spec.grid[0] - 1, 0)):
        bright = torch.zeros(1, 3, spec.resolution, spec.resolution)
        top, left = row * spec.patch, column * spec.patch
        bright[:, :, top : top + spec.patch, left : left + spec.patch] = 4
        change = (tokens(encoder, bright) - tokens(encoder, torch.zeros_like(bright))).norm(dim=-1)[0]
        assert divmod(int(change.argmax()), spec.grid[1]) == (row, column)


@pytest.mark.parametrize(
    ("kind", "resolution"),
    [("vit", 192), ("registers", 84), ("siglip", 96), ("eva", 84), ("swin", 128), ("convnext", 192)],
)
def test_another_resolution_is_interpolated_as_the_library_does(
    kind: str, resolution: int, save: Save, spec_of: SpecOf
) -> None:
    folder = save(kind)
    spec = spec_of(kind, folder, resolution)
    batch = images(resolution)
    model = library(folder, **({} if kind == "convnext" else {"img_size": resolution}))

    assert tokens(build(spec), batch) == pytest.approx(expected(model, kind, spec, batch)[-1], abs=1e-5)


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


def test_no_head_stays(save: Save, spec_of: SpecOf) -> None:
    for kind in ("vit", "siglip", "convnext"):
        spec = spec_of(kind, save(kind, kind))
        module = build(spec).module
        assert sum(parameter.numel() for parameter in module.parameters()) == spec.parameters
        assert not [
            name for name, _ in module.named_parameters() if name.startswith(("head.fc", "head.w", "attn_pool"))
        ]


def test_input_is_normalised_as_the_checkpoint_says(save: Save, spec_of: SpecOf) -> None:
    pixels, geometry = build(spec_of("registers", save("registers"))).preprocess(
        Image.new("RGB", (30, 60), (255, 0, 0))
    )

    assert pixels[:, 0, 0].tolist() == pytest.approx([0.515 / 0.229, -0.456 / 0.224, -0.406 / 0.225], abs=1e-5)
    assert geometry.grid == (4, 4)


@pytest.mark.parametrize("layer", [6, -7])
def test_a_layer_that_does_not_exist_is_refused(layer: int, save: Save, spec_of: SpecOf) -> None:
    with pytest.raises(InvalidIdError, match=f"no layer {layer}: it has 6 blocks"):
        build(spec_of("vit", save("vit")), layer=layer)


def test_a_configuration_cannot_loosen_how_weights_are_loaded(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    spec = spec_of("vit", folder)
    document = json.loads((folder / "config.json").read_text())
    document["model_args"] = (document.get("model_args") or {}) | {"pretrained_strict": False}
    (folder / "config.json").write_text(json.dumps(document))
    with pytest.raises(WeightsError, match="changes how weights are loaded: pretrained_strict"):
        build(spec)
