"""From a folder or the hub's cache to an encoder, and every way in which it can be the wrong one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from visionlaw.errors import WeightsError
from visionlaw.features.encoders import encoder_ref
from visionlaw.features.extract import extract
from visionlaw.protocols import ImageRef
from visionlaw.registry import Registry
from visionlaw.targets import load_target

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def small_dinov2(channels: int = 384, **more: Any) -> Any:
    """Of published width, so that it fits its id, and of little depth."""
    torch.manual_seed(0)
    config = {"hidden_size": channels, "num_hidden_layers": 2, "num_attention_heads": 6, "mlp_ratio": 1}
    return transformers.Dinov2Model(
        transformers.Dinov2Config(**config | {"image_size": 518, "patch_size": 14} | more)
    ).eval()


@pytest.fixture(scope="session")
def dinov2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dinov2-small")
    small_dinov2().save_pretrained(folder)
    return folder


@pytest.fixture
def copy(dinov2_folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder to damage."""
    return shutil.copytree(dinov2_folder, tmp_path / "copy")


def told(registry: Registry, encoder: str, folder: Path | None) -> WeightsError:
    with pytest.raises(WeightsError) as error:
        encoder_ref(registry, encoder, checkpoint=folder).load()
    assert "\n" not in str(error.value)
    assert encoder in str(error.value)
    return error.value


def test_a_folder_as_checkpoint_end_to_end(registry: Registry, dinov2_folder: Path) -> None:
    reference = encoder_ref(registry, "dinov2/small@56", checkpoint=dinov2_folder)
    image = Image.effect_noise((80, 60), 90).convert("RGB")
    [(_, features)] = extract(reference, [ImageRef("noise", lambda: image)])

    assert features.geometry.grid == (4, 4)
    assert reference.provenance["checkpoint"] == "local"
    assert reference.provenance["revision"].startswith("sha256:")
    inputs, _ = reference.load().preprocess(image)
    with torch.inference_mode():
        expected = small_dinov2()(inputs[None]).last_hidden_state[0, 1:]
    torch.testing.assert_close(features.tokens, expected, atol=1e-5, rtol=0)


def test_the_hub_s_cache_end_to_end(registry: Registry, hub: Path, dinov2_folder: Path) -> None:
    """The pinned revision is read, not what main has become since."""
    spec = registry.encoder_spec("dinov2/small@224")
    base = hub / "models--facebook--dinov2-small"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(COMMIT)
    other = base / "snapshots" / COMMIT
    small_dinov2(layer_norm_eps=0.5).save_pretrained(other)
    assert spec.revision is not None
    shutil.copytree(dinov2_folder, base / "snapshots" / spec.revision)

    tokens = encoder_ref(registry, "dinov2/small@56?layer=0").load().encode(torch.ones(1, 3, 56, 56))

    with torch.inference_mode():
        expected = small_dinov2()(torch.ones(1, 3, 56, 56), output_hidden_states=True).hidden_states[1][:, 1:]
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=0)


def test_nothing_is_said_while_a_dual_model_is_loaded(load: Any) -> None:
    """Its text tower and its pooling head stay on disk; neither a report nor a progress bar says so."""
    loaded = load("siglip")
    spec = loaded.spec.model_dump_json()
    code = (
        "import sys\nfrom visionlaw.specs import EncoderSpec\nfrom visionlaw.targets import load_target\n"
        "encoder = load_target(EncoderSpec.model_validate_json(sys.argv[1]), 'visionlaw-transformers', {})\n"
        "print(sum(p.numel() for p in encoder.module.parameters()))"
    )
    done = subprocess.run([sys.executable, "-c", code, spec], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    everything = sum(parameter.numel() for parameter in loaded.model.parameters())
    head = sum(parameter.numel() for parameter in loaded.model.head.parameters())
    assert int(done.stdout) == everything - head


def test_the_library_s_own_settings_are_left_as_they_were(load: Any) -> None:
    from transformers.utils import logging

    logging.set_verbosity_info()
    logging.enable_progress_bar()
    load("clip").encoder()
    after = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_warning()
    logging.disable_progress_bar()

    assert after == (logging.INFO, True)


def test_half_precision_weights_are_computed_in_single(registry: Registry, tmp_path: Path) -> None:
    small_dinov2().half().save_pretrained(tmp_path)
    spec = encoder_ref(registry, "dinov2/small@56", checkpoint=tmp_path).spec

    assert load_target(spec, "visionlaw-transformers", {}).encode(torch.zeros(1, 3, 56, 56)).dtype == torch.float32


def test_offline_and_not_there(registry: Registry, hub: Path) -> None:
    error = told(registry, "siglip2/large-16@256", None)
    assert "'google/siglip2-large-patch16-256' (revision 787800c8990e)" in error.message
    assert "HF_HUB_OFFLINE forbids to fetch it" in error.message
    assert "hf download google/siglip2-large-patch16-256 --revision 787800c8990e" in error.remedy
    assert "--checkpoint siglip2/large-16@256=FOLDER" in error.remedy


def test_pickles_are_told_as_such(registry: Registry, copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    torch.save(small_dinov2().state_dict(), copy / "pytorch_model.bin")

    assert "are pickles, which can run code: pytorch_model.bin" in told(registry, "dinov2/small@224", copy).message


@pytest.mark.parametrize(
    ("encoder", "what"),
    [
        ("dinov2/base@224", "its hidden_size is 384, not 768"),
        (
            "dinov2/small-reg@224",
            "type 'dinov2', and 'dinov2/small-reg@224' is one of the type 'dinov2_with_registers'",
        ),
        ("dinov3/small@224", "type 'dinov2', and 'dinov3/small@224' is one of the type 'dinov3_vit'"),
        ("clip/vit-b-16@224", "type 'dinov2', and 'clip/vit-b-16@224' is one of the type 'clip'"),
        ("siglip/base-16@224", "type 'dinov2', and 'siglip/base-16@224' is one of the type 'siglip'"),
    ],
)
def test_another_architecture_or_size_is_told_before_its_weights_are_read(
    registry: Registry, dinov2_folder: Path, encoder: str, what: str
) -> None:
    assert what in told(registry, encoder, dinov2_folder).message


def test_clip_for_another_resolution_is_not_taken_for_it(load: Any) -> None:
    """Position embeddings would be interpolated, and the features be others than those of the id."""
    wrong = load("clip").spec.model_copy(update={"id": "clip/vit-l-14@336", "resolution": 336})
    with pytest.raises(WeightsError, match="its image_size is 224, not 336"):
        load_target(wrong, "visionlaw-transformers", {})


@pytest.mark.parametrize("name", ["encoder.layer.1.mlp.fc1.bias", "layernorm.weight", "embeddings.position_embeddings"])
def test_weights_that_are_missing_are_never_made_up(registry: Registry, copy: Path, name: str) -> None:
    weights = load_file(copy / "model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if key != name}, copy / "model.safetensors", {"format": "pt"}
    )

    error = told(registry, "dinov2/small@56", copy)
    assert f"lacks 1 weights that its tokens depend on, {name} for one" in error.message


def test_weights_that_no_token_depends_on_may_be_missing(registry: Registry, copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["embeddings.mask_token"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    encoder = encoder_ref(registry, "dinov2/small@56", checkpoint=copy).load()

    with torch.inference_mode():
        expected = small_dinov2()(torch.ones(1, 3, 56, 56)).last_hidden_state[:, 1:]
    torch.testing.assert_close(encoder.encode(torch.ones(1, 3, 56, 56)), expected, atol=1e-5, rtol=0)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in encoder.encoder.module.state_dict().values())


def test_damaged_weights_are_one_sentence(registry: Registry, copy: Path) -> None:
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])

    assert "cannot be loaded: SafetensorError" in told(registry, "dinov2/small@56", copy).message


def test_weights_of_other_shapes_are_one_sentence(registry: Registry, copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["encoder.layer.0.mlp.fc1.weight"] = torch.zeros(7, 384)
    save_file(weights, copy / "model.safetensors", {"format": "pt"})

    assert "cannot be loaded" in told(registry, "dinov2/small@56", copy).message


@pytest.mark.parametrize("content", ["{", "[1]", ""])
def test_a_damaged_configuration_is_one_sentence(registry: Registry, copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content)

    assert "config.json" in told(registry, "dinov2/small@56", copy).message


def test_weights_in_shards_are_loaded_and_a_lost_one_is_named(registry: Registry, tmp_path: Path) -> None:
    small_dinov2().save_pretrained(tmp_path, max_shard_size="2MB")
    shards = sorted(path.name for path in tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1
    encoder = encoder_ref(registry, "dinov2/small@56", checkpoint=tmp_path).load()
    with torch.inference_mode():
        expected = small_dinov2()(torch.ones(1, 3, 56, 56)).last_hidden_state[:, 1:]
    torch.testing.assert_close(encoder.encode(torch.ones(1, 3, 56, 56)), expected, atol=1e-5, rtol=0)

    (tmp_path / shards[1]).unlink()
    with pytest.raises(WeightsError, match=f"lacks {shards[1]}"):
        encoder_ref(registry, "dinov2/small@56", checkpoint=tmp_path)


def test_code_that_comes_with_a_checkpoint_is_never_run(registry: Registry, copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.OwnModel"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text(f"import pathlib\npathlib.Path({os.fspath(copy / 'run')!r}).touch()\n")

    assert "type 'own'" in told(registry, "dinov2/small@56", copy).message
    assert not (copy / "run").exists()
