"""Where weights come from, and what is said when they are not right."""

from __future__ import annotations

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
from visionlaw_timm.encoder import build

Save = Callable[..., Path]
SpecOf = Callable[..., EncoderSpec]
TINY = "timm/test_vit.r160_in1k"


def one_sentence(error: VisionlawError) -> bool:
    return "\n" not in error.message and bool(error.remedy)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the hub's cache an empty folder; return the folder of test_vit's snapshot."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--timm--test_vit.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    revision = "0123456789abcdef0123456789abcdef01234567"
    (repository / "refs" / "main").write_text(revision)
    return repository / "snapshots" / revision


@pytest.mark.parametrize("resolution", [160, 192])
def test_a_folder_given_for_an_encoder_is_extracted(resolution: int, save: Save) -> None:
    reference = encoder_ref(Registry.discover(), f"{TINY}@{resolution}", checkpoint=save("vit"))
    picture = Image.radial_gradient("L").resize((70, 50))
    ((key, features),) = extract(reference, [ImageRef("one", lambda: picture)])

    assert key == "one"
    assert features.tokens.shape == ((resolution // 16) ** 2, 64)
    assert reference.provenance["revision"].startswith("sha256:")


def test_the_stages_of_a_model_are_encoders_of_their_own(save: Save) -> None:
    folder = save("convnext")
    picture = Image.radial_gradient("L").resize((70, 50))
    for layer, (side, channels) in {-1: (5, 64), -2: (10, 48), 0: (40, 24)}.items():
        name = f"timm/test_convnext.r160_in1k@160?layer={layer}"
        reference = encoder_ref(Registry.discover(), name, checkpoint=folder)
        ((_, features),) = extract(reference, [ImageRef("one", lambda: picture)])
        assert (features.grid, features.channels) == ((side, side), channels)


def test_the_hubs_cache_is_read_offline(save: Save, hub: Path) -> None:
    folder = save("vit")
    with pytest.raises(WeightsError, match="is not on this machine") as caught:
        encoder_ref(Registry.discover(), f"{TINY}@160?layer=-2")  # not pinned: which weights it is of must be known
    assert one_sentence(caught.value)

    shutil.copytree(folder, hub)
    reference = encoder_ref(Registry.discover(), f"{TINY}@160?layer=-2")
    assert reference.provenance["revision"] == hub.name
    batch = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        found = reference.load().encode(batch)
        given = encoder_ref(Registry.discover(), f"{TINY}@160?layer=-2", checkpoint=folder).load().encode(batch)
    assert torch.equal(found, given)


def test_pickles_are_refused(save: Save, hub: Path) -> None:
    shutil.copytree(save("vit"), hub)
    (hub / "model.safetensors").rename(hub / "pytorch_model.bin")
    with pytest.raises(WeightsError):
        encoder_ref(Registry.discover(), f"{TINY}@160").load()

    with pytest.raises(WeightsError, match=r"are pickles, which can run code: pytorch_model\.bin") as caught:
        encoder_ref(Registry.discover(), f"{TINY}@160", checkpoint=hub)
    assert one_sentence(caught.value)


def test_safetensors_are_taken_where_pickles_lie_beside_them(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    (folder / "pytorch_model.bin").write_bytes(b"would fail")

    assert build(spec_of("vit", folder)).encode(torch.zeros(1, 3, 160, 160)).shape == (1, 100, 64)


def test_another_architecture_is_one_sentence(save: Save, spec_of: SpecOf) -> None:
    with pytest.raises(WeightsError, match="holds 'test_convnext', not 'test_vit'") as caught:
        build(spec_of("vit", save("convnext")))
    assert one_sentence(caught.value)


@pytest.mark.parametrize("changes", [{"depth": 5}, {"embed_dim": 64}])
def test_another_size_of_the_same_architecture_is_one_sentence(
    changes: dict[str, Any], save: Save, spec_of: SpecOf
) -> None:
    with pytest.raises(WeightsError, match="is of another size") as caught:
        build(spec_of("siglip", save("siglip", **changes)))
    assert one_sentence(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "vit"}'])
def test_another_librarys_configuration_is_one_sentence(text: str, save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    (folder / "config.json").write_text(text)
    with pytest.raises(WeightsError, match="holds 'something else', not 'test_vit'") as caught:
        build(spec_of("vit", folder))
    assert one_sentence(caught.value)


@pytest.mark.parametrize("kind", ["vit", "swin", "convnext", "eva"])
def test_no_weight_is_left_random(kind: str, save: Save, spec_of: SpecOf) -> None:
    folder = save(kind)
    weights = load_file(folder / "model.safetensors")
    lost = [name for name in weights if name.endswith("bias") and "head" not in name][-1]
    del weights[lost]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=lost) as caught:
        build(spec_of(kind, folder))
    assert one_sentence(caught.value)


def test_another_number_of_classes_does_not_matter(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit", num_classes=3)

    assert build(spec_of("vit", folder)).encode(torch.zeros(1, 3, 160, 160)).shape == (1, 100, 64)


def test_damaged_weights_are_one_sentence(save: Save, spec_of: SpecOf) -> None:
    folder = save("vit")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(WeightsError, match="do not fit 'test_vit'") as caught:
        build(spec_of("vit", folder))
    assert one_sentence(caught.value)


def test_weights_of_a_model_for_another_size_are_interpolated(save: Save, spec_of: SpecOf) -> None:
    """A folder finetuned at 84 pixels serves an id at 56."""
    folder = save("registers", img_size=84)

    assert build(spec_of("registers", folder)).encode(torch.zeros(1, 3, 56, 56)).shape == (1, 16, 32)
