"""Where weights come from, and what is said when they are not right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from visionlaw.errors import VisionlawError, WeightsError
from visionlaw.features.encoders import encoder_ref
from visionlaw.features.extract import extract
from visionlaw.protocols import ImageRef
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw_openclip.encoder import build

Save = Callable[..., Path]
SpecOf = Callable[..., EncoderSpec]
REVISION = "0123456789abcdef0123456789abcdef01234567"


def one_sentence(error: VisionlawError) -> bool:
    return error.message.endswith((".", ")")) and "\n" not in error.message and bool(error.remedy)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the hub's cache an empty folder; return the folder of the snapshot."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--visionlaw--tiny" / "snapshots" / REVISION


@pytest.mark.usefixtures("listed")
def test_a_folder_given_for_an_encoder_is_extracted(save: Save) -> None:
    registry = Registry.discover()
    folder = save("vit")
    reference = encoder_ref(registry, "openclip/tiny@56", checkpoint=folder)
    picture = Image.radial_gradient("L").resize((70, 50))
    ((key, features),) = extract(reference, [ImageRef("one", lambda: picture)])

    assert key == "one"
    assert features.tokens.shape == (16, 32)
    assert reference.provenance["revision"].startswith("sha256:")


@pytest.mark.usefixtures("listed")
def test_the_hubs_cache_is_read_offline(save: Save, hub: Path) -> None:
    folder = save("vit")
    reference = encoder_ref(Registry.discover(), "openclip/tiny@56?layer=-2")
    with pytest.raises(WeightsError, match="is not on this machine") as caught:
        reference.load()
    assert one_sentence(caught.value)

    shutil.copytree(folder, hub)
    batch = torch.randn(1, 3, 56, 56)
    with torch.inference_mode():
        found = reference.load().encode(batch)
        given = encoder_ref(Registry.discover(), "openclip/tiny@56?layer=-2", checkpoint=folder).load().encode(batch)
    assert torch.equal(found, given)


@pytest.mark.usefixtures("listed")
def test_pickles_are_refused(save: Save, hub: Path) -> None:
    shutil.copytree(save("vit"), hub)
    (hub / "open_clip_model.safetensors").rename(hub / "open_clip_pytorch_model.bin")
    with pytest.raises(WeightsError):
        encoder_ref(Registry.discover(), "openclip/tiny@56").load()

    with pytest.raises(WeightsError, match=r"are pickles, which can run code: open_clip_pytorch_model\.bin") as caught:
        encoder_ref(Registry.discover(), "openclip/tiny@56", checkpoint=hub)
    assert one_sentence(caught.value)


def test_the_older_name_of_the_weights_is_known_and_the_newer_one_preferred(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    spec, batch = spec_of("vit", folder), torch.randn(1, 3, 56, 56)
    truth = build(spec).encode(batch)
    weights = folder / "open_clip_model.safetensors"
    save_file({n: torch.zeros_like(v) for n, v in load_file(weights).items()}, folder / "open_clip_a.safetensors")
    assert torch.equal(build(spec).encode(batch), truth)

    (folder / "open_clip_a.safetensors").unlink()
    weights.rename(folder / "open_clip_pytorch_model.safetensors")
    assert torch.equal(build(spec).encode(batch), truth)


@pytest.mark.parametrize(
    "changes", [{"width": 64}, {"layers": 5}, {"patch_size": 28}, {"layers": [1, 1, 1, 1], "width": 8}]
)
def test_another_architecture_is_one_sentence(changes: dict[str, Any], save: Save, spec_of: SpecOf) -> None:
    with pytest.raises(WeightsError, match=r"holds another model than 'openclip/tiny-vit@56'") as caught:
        build(spec_of("vit", save("vit", **changes)))
    assert one_sentence(caught.value)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"model_cfg": {"vision_cfg": 3, "embed_dim": 1}}', '{"model_type": "clip"}']
)
def test_another_librarys_configuration_is_one_sentence(text: str, save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    (folder / "open_clip_config.json").write_text(text)
    with pytest.raises(WeightsError, match="is not a configuration of an OpenCLIP model") as caught:
        build(spec_of("vit", folder))
    assert one_sentence(caught.value)


def test_no_weight_is_left_random(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    weights = load_file(folder / "open_clip_model.safetensors")
    del weights["visual.transformer.resblocks.2.mlp.c_fc.bias"]
    save_file(weights, folder / "open_clip_model.safetensors")
    with pytest.raises(
        WeightsError, match=r"lack 1 tensors .* 'visual\.transformer\.resblocks\.2\.mlp\.c_fc\.bias'"
    ) as e:
        build(spec_of("vit", folder))
    assert one_sentence(e.value)


def test_weights_of_another_shape_and_damaged_ones_are_one_sentence(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    file = folder / "open_clip_model.safetensors"
    weights = load_file(file) | {"visual.conv1.weight": torch.zeros(32, 3, 7, 7)}
    save_file(weights, file)
    with pytest.raises(WeightsError, match="do not fit its own configuration") as caught:
        build(spec_of("vit", folder))
    assert "\n" not in caught.value.message

    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(WeightsError, match="cannot be read"):
        build(spec_of("vit", folder))


def test_without_a_normalisation_in_the_folder_the_pretrained_tag_decides(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    document = json.loads((folder / "open_clip_config.json").read_text())
    del document["preprocess_cfg"]
    (folder / "open_clip_config.json").write_text(json.dumps(document))
    grey = Image.new("RGB", (9, 9), (0, 0, 0))

    openai, _ = build(spec_of("vit", folder)).preprocess(grey)
    assert openai[0, 0, 0].item() == pytest.approx(-0.48145466 / 0.26862954)
    laion = spec_of("vit", folder).model_copy(update={"id": "openclip/ViT-L-14/laion2b_s32b_b82k@56"})
    half, _ = build(laion).preprocess(grey)
    assert half[0, 0, 0].item() == pytest.approx(-1)
