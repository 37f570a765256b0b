"""Models of any kind by ``hf/<organisation>/<name>@<pixels>``, from a hub cache that is made here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from visionlaw.errors import InvalidIdError, UnknownIdError, WeightsError
from visionlaw.features.encoders import encoder_ref
from visionlaw.registry import Registry
from visionlaw.targets import load_target

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DEPTH = {"num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture
def publish(hub: Path) -> Any:
    """Return a function that puts a model into the hub's cache, under a name that is gone after the test."""
    made: list[Path] = []

    def put(repository: str, model: Any = None, config: dict[str, Any] | None = None, processor: Any = ...) -> Path:
        base = hub / f"models--{repository.replace('/', '--')}"
        made.append(base)
        (base / "refs").mkdir(parents=True)
        (base / "refs" / "main").write_text(COMMIT)
        folder = base / "snapshots" / COMMIT
        folder.mkdir(parents=True)
        if model is not None:
            model.save_pretrained(folder)
        if config is not None:
            (folder / "config.json").write_text(json.dumps(config))
        if processor is ...:
            transformers.ViTImageProcessor().save_pretrained(folder)
        elif processor is not None:
            (folder / "preprocessor_config.json").write_text(json.dumps(processor))
        return folder

    yield put
    for base in made:
        shutil.rmtree(base)


def told(action: Callable[[], object]) -> str:
    with pytest.raises(WeightsError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


def vit(image_size: int = 64) -> Any:
    torch.manual_seed(0)
    return transformers.ViTModel(
        transformers.ViTConfig(hidden_size=16, intermediate_size=16, image_size=image_size, patch_size=16, **DEPTH)
    )


def test_the_spec_is_read_from_config_json_and_pinned_to_its_commit(publish: Any) -> None:
    publish("org/Vit.x-1", vit())
    registry = Registry.discover()
    spec = registry.encoder_spec("hf/org/Vit.x-1@96?layer=-2")

    assert (spec.checkpoint, spec.revision) == ("org/Vit.x-1", COMMIT)
    assert (spec.patch, spec.channels, spec.grid, spec.layer) == (16, 16, (6, 6), -2)
    assert spec.parameters is None
    assert spec.license is None
    assert encoder_ref(registry, "hf/org/Vit.x-1@96").provenance["revision"] == COMMIT


def test_a_config_that_leaves_all_to_the_defaults(publish: Any) -> None:
    """As google/siglip-base-patch16-224 has it."""
    publish("org/siglip", config={"model_type": "siglip", "vision_config": {"model_type": "siglip_vision_model"}})
    spec = Registry.discover().encoder_spec("hf/org/siglip@224")

    assert (spec.patch, spec.channels) == (16, 768)


def test_a_classifier_is_read_without_its_head_and_the_pooler_it_never_had(publish: Any) -> None:
    """google/vit-base-patch16-224 is such a one: no token depends on what is missing."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(hidden_size=16, intermediate_size=16, image_size=64, patch_size=16, **DEPTH)
    model = transformers.ViTForImageClassification(config).eval()
    publish("org/classifier", model)
    encoder = encoder_ref(Registry.discover(), "hf/org/classifier@64").load()

    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model.vit(images).last_hidden_state[:, 1:]
    torch.testing.assert_close(encoder.encode(images), expected, atol=1e-5, rtol=0)


def test_tokens_that_come_last_are_no_patches(publish: Any) -> None:
    """YOLOS puts its detection tokens after the patches."""
    torch.manual_seed(0)
    config = transformers.YolosConfig(
        hidden_size=16, intermediate_size=16, image_size=[64, 64], patch_size=16, num_detection_tokens=7, **DEPTH
    )
    model = transformers.YolosModel(config).eval()
    publish("org/yolos", model)
    encoder = encoder_ref(Registry.discover(), "hf/org/yolos@64").load()

    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(images).last_hidden_state
    assert expected.shape[1] == 1 + 16 + 7
    torch.testing.assert_close(encoder.encode(images), expected[:, 1:17], atol=1e-5, rtol=0)


def test_patches_in_another_order_are_refused(publish: Any) -> None:
    """A masked autoencoder shuffles its patches and drops three quarters of them."""
    config = transformers.ViTMAEConfig(hidden_size=16, intermediate_size=16, image_size=64, patch_size=16, **DEPTH)
    publish("org/mae", transformers.ViTMAEModel(config))

    said = told(encoder_ref(Registry.discover(), "hf/org/mae@64").load)
    assert "'vit_mae' has no grid of 4×4 patch tokens" in said


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "resnet", "hidden_sizes": [8, 16], "embedding_size": 8}, "resnet"),
        ({"model_type": "bert", "hidden_size": 16}, "bert"),
        ({"model_type": "swin", "patch_size": 4, "hidden_size": 768, "depths": [2, 2, 6, 2], "embed_dim": 96}, "swin"),
        ({"model_type": "vit", "patch_size": [16, 8], "hidden_size": 768}, "vit"),
    ],
)
def test_what_has_no_square_grid_is_refused_by_its_configuration(
    publish: Any, config: dict[str, Any], kind: str
) -> None:
    publish("org/other", config=config)
    registry = Registry.discover()

    assert f"'{kind}' has no square grid of patch tokens" in told(lambda: registry.get("encoder", "hf/org/other@224"))
    assert {record.status for record in registry.plugins} == {"ok"}


def test_an_architecture_that_the_library_does_not_have_is_refused(publish: Any) -> None:
    publish("org/own", vit(), config={"model_type": "own", "patch_size": 16, "hidden_size": 16})

    assert "code that comes with a checkpoint is never run" in told(
        encoder_ref(Registry.discover(), "hf/org/own@64").load
    )


def test_offline_and_not_there(hub: Path) -> None:
    registry = Registry.discover()
    said = told(lambda: registry.get("encoder", "hf/org/absent@224"))

    assert "'org/absent' (revision main)" in said
    assert "HF_HUB_OFFLINE forbids to fetch it" in said
    assert "--include 'config.json'" in said
    assert "--checkpoint" not in said


def test_weights_that_are_not_there_yet(publish: Any) -> None:
    publish("org/partial", config=vit().config.to_dict())

    said = told(encoder_ref(Registry.discover(), "hf/org/partial@64").load)
    assert f"hf download org/partial --revision {COMMIT}" in said
    assert "--include 'model*.safetensors.index.json'" in said


@pytest.mark.parametrize(
    ("processor", "what"),
    [
        ({"do_rescale": True}, "does not say how images are normalised"),
        ({"do_rescale": False, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}, "scales pixels otherwise"),
        ({"rescale_factor": 1 / 127.5, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}, "scales pixels otherwise"),
        (None, "lacks *processor_config.json"),
    ],
)
def test_a_normalisation_that_is_not_known_is_never_made_up(publish: Any, processor: Any, what: str) -> None:
    folder = publish("org/vit", vit(), processor=processor)
    spec = Registry.discover().encoder_spec("hf/org/vit@64")
    local = spec.model_copy(update={"checkpoint": str(folder), "revision": None})
    assert what in told(lambda: load_target(local, "visionlaw-transformers", {}))


def test_a_processor_that_wraps_the_image_processor(publish: Any) -> None:
    folder = publish("org/wrapped", vit(), processor=None)
    inner = {"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1]}
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    encoder = encoder_ref(Registry.discover(), "hf/org/wrapped@64").load()

    assert encoder.encoder.tower.mean == [0.1, 0.2, 0.3]


def test_the_resolution_has_to_fit(publish: Any) -> None:
    publish("org/vit", vit(image_size=70))
    registry = Registry.discover()

    assert registry.encoder_spec("hf/org/vit@70").grid == (4, 4)
    with pytest.raises(InvalidIdError, match="71 is no multiple of 16 pixels"):
        registry.get("encoder", "hf/org/vit@71")


@pytest.mark.parametrize("encoder", ["hf/vit@224", "hf/a/b/c@224", "hf/a/b"])
def test_what_names_no_repository_is_unknown(encoder: str) -> None:
    with pytest.raises(UnknownIdError):
        Registry.discover().get("encoder", encoder)
