from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from visionlaw.alignment.language import default_dtype, find_language, fingerprint, load_language
from visionlaw.errors import ConfigError, VisionlawError, WeightsError

COMMIT = "0123456789" * 4


@pytest.fixture
def folder(language_folder: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(language_folder, tmp_path / "llm"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache; nothing may be fetched."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub" / "models--org--llm"


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def test_a_folder_is_found_and_loaded_frozen(folder: Path) -> None:
    found = find_language(str(folder))
    assert (found.width, found.context, found.revision, found.folder) == (16, 64, None, folder)
    model, tokenizer = load_language(found)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    ids = tokenizer("a red dog", return_tensors="pt").input_ids
    assert model(input_ids=ids).logits.shape == (1, 4, 14)
    assert {p.dtype for p in load_language(found, torch.bfloat16)[0].parameters()} == {torch.bfloat16}
    with pytest.raises(ConfigError, match="no device 'cuda:77'"):
        load_language(found, device="cuda:77")


def test_a_repository_is_found_in_the_hubs_cache_at_its_revision(folder: Path, hub: Path) -> None:
    for commit, changes in ((COMMIT, {}), ("f" * 40, {"max_position_embeddings": 32})):
        shutil.copytree(folder, hub / "snapshots" / commit)
        edit(hub / "snapshots" / commit, **changes)
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("f" * 40)
    pinned, newest = find_language("org/llm", COMMIT), find_language("org/llm")
    assert (pinned.name, pinned.revision, pinned.context) == ("org/llm", COMMIT, 64)
    assert (newest.revision, newest.context) == ("f" * 40, 32), "main is pinned to its commit"
    assert load_language(pinned)[0].config.max_position_embeddings == 64
    edit(folder)  # written as the copies were
    assert pinned.fingerprint == find_language(str(folder)).fingerprint != newest.fingerprint


def test_what_is_not_here_is_one_sentence(hub: Path) -> None:
    with pytest.raises(WeightsError, match=r"'org/llm' \(revision 0123456789.*HF_HUB_OFFLINE") as caught:
        find_language("org/llm", COMMIT)
    assert f"hf download org/llm --revision {COMMIT}" in caught.value.remedy
    assert "--exclude '*.bin'" in caught.value.remedy
    for name in ("/nowhere/at/all", "../llm", "a/b/c", ""):
        with pytest.raises(WeightsError, match=f"no language model '{name}'"):
            find_language(name)


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(WeightsError, match="a folder, which has no revision"):
        find_language(str(folder), COMMIT)


def test_pickled_weights_are_refused_with_the_way_to_convert_them(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"are pickles, which can run code: pytorch_model\.bin") as caught:
        find_language(str(folder))
    assert "Convert them to safetensors" in caught.value.remedy
    assert "save_pretrained" in caught.value.remedy


def test_without_a_tokenizer_it_is_of_no_use(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(WeightsError, match="has no tokenizer") as caught:
        find_language(str(folder))
    assert "AutoTokenizer" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "says"), [("{", "cannot be read"), ("[]", "cannot be read"), ("{}", "hidden_size")]
)
def test_an_unreadable_configuration_is_one_sentence(folder: Path, content: str, says: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=says):
        find_language(str(folder))


def test_width_and_context_are_found_whatever_the_family_calls_them(folder: Path) -> None:
    edit(folder, hidden_size=None, n_embd=16, max_position_embeddings=None, n_positions=48)
    assert (find_language(str(folder)).width, find_language(str(folder)).context) == (16, 48)
    edit(folder, n_positions=None, text_config={"hidden_size": 20})
    assert (find_language(str(folder)).width, find_language(str(folder)).context) == (20, None)


def test_a_part_that_is_missing_is_named(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(WeightsError, match=r"lacks model-00002-of-00002\.safetensors"):
        find_language(str(folder))


def test_weights_that_lack_a_tensor_are_refused_not_drawn_at_random(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack model\.layers\.1\.mlp\.up_proj\.weight"):
        load_language(find_language(str(folder)))


@pytest.mark.parametrize("changes", [{"model_type": "unheard_of"}, {"hidden_size": 32}, {"model_type": "vit"}])
def test_what_transformers_cannot_load_is_one_sentence(folder: Path, changes: dict[str, object]) -> None:
    edit(folder, **changes)
    with pytest.raises(VisionlawError, match="cannot be loaded") as caught:
        load_language(find_language(str(folder)))
    assert "\n" not in caught.value.message


def test_the_fingerprint_is_of_all_that_numbers_depend_on(folder: Path, tmp_path: Path) -> None:
    before = fingerprint(folder)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    (Path(moved) / "README.md").write_text("a model")
    assert fingerprint(Path(moved)) == before
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        content = bytearray((folder / name).read_bytes())
        content[-2] ^= 1
        (folder / name).write_bytes(content)
        after = fingerprint(folder)
        assert after != before, name
        before = after


def test_on_an_accelerator_halves_are_the_default() -> None:
    assert default_dtype(torch.device("cpu")) == torch.float32
    assert default_dtype(torch.device("mps")) == torch.bfloat16
