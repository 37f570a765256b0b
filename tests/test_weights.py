from __future__ import annotations

from pathlib import Path

import pytest

from visionlaw.errors import WeightsError
from visionlaw.specs import EncoderSpec
from visionlaw.weights import pinned, weights_folder, weights_present, with_checkpoint

COMMIT = "0123456789" * 4
FILES = ("config.json", "*.safetensors")


def spec(**changes: object) -> EncoderSpec:
    fields = {"id": "toy/net@64", "target": "toy:net", "resolution": 64, "patch": 16, "channels": 3, "files": FILES}
    return EncoderSpec.model_validate(fields | {"checkpoint": "org/net", "revision": COMMIT} | changes)


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache; nothing may be fetched."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return tmp_path / "hub" / "models--org--net"


def test_a_snapshot_of_the_pinned_revision_is_found(hub: Path) -> None:
    assert weights_present(spec()) is False
    fill(hub / "snapshots" / COMMIT, "config.json")
    assert weights_present(spec()) is False, "the weights themselves are missing"
    folder = fill(hub / "snapshots" / COMMIT, "model.safetensors")
    assert weights_present(spec()) is True
    assert weights_folder(spec()) == folder
    assert weights_present(spec(revision="b" * 40)) is False


def test_a_branch_is_followed_to_its_commit(hub: Path) -> None:
    folder = fill(hub / "snapshots" / COMMIT, "config.json", "model.safetensors")
    fill(hub / "refs")
    (hub / "refs" / "main").write_text(COMMIT)
    assert weights_folder(spec(revision=None)) == folder


def test_the_cache_is_where_the_hub_client_has_it(tmp_path: Path, hub: Path, monkeypatch) -> None:
    from huggingface_hub import constants

    assert str(hub.parent.name) == "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    folder = fill(tmp_path / "elsewhere" / "models--org--net" / "snapshots" / COMMIT, "config.json", "a.safetensors")
    assert weights_folder(spec()) == folder
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    from visionlaw.hub import hub_cache

    assert hub_cache() == tmp_path / "xdg" / "huggingface" / "hub"
    assert Path(constants.HF_HUB_CACHE).name == hub_cache().name


def test_absent_and_offline_is_one_sentence_with_three_ways_out(hub: Path) -> None:
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids") as caught:
        weights_folder(spec())
    assert "'org/net'" in caught.value.message
    for way in ("HF_HUB_OFFLINE=0", f"hf download org/net --revision {COMMIT}", "--checkpoint toy/net@64=FOLDER"):
        assert way in caught.value.remedy


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    folder = fill(tmp_path / "net", "config.json", "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pickles, which can run code: pytorch_model\.bin"):
        weights_folder(spec(checkpoint=str(folder), revision=None))


@pytest.mark.parametrize(
    ("names", "says"), [(("model.safetensors",), r"lacks config\.json"), ((), r"lacks config\.json, \*\.safetensors")]
)
def test_a_folder_that_lacks_files_says_which(tmp_path: Path, names, says) -> None:
    with pytest.raises(WeightsError, match=says):
        with_checkpoint(spec(), fill(tmp_path / "net", *names))


def test_a_local_checkpoint_is_known_by_its_content_not_its_place(tmp_path: Path) -> None:
    names = ("config.json", "model.safetensors", "README.md")
    one, other = (fill(tmp_path / name, *names) for name in ("one", "other"))
    first, second = with_checkpoint(spec(), one), with_checkpoint(spec(), other)
    assert first.revision == second.revision
    assert weights_folder(first) == one
    (other / "README.md").write_text("says something else")
    assert with_checkpoint(spec(), other).revision == first.revision
    (other / "model.safetensors").write_bytes(b"other weights")
    assert with_checkpoint(spec(), other).revision != first.revision


def test_a_checkpoint_that_is_no_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", fill(tmp_path, "file") / "file"):
        with pytest.raises(WeightsError, match="is not a folder"):
            with_checkpoint(spec(), path)


def test_weights_in_several_files_are_there_when_all_of_them_are(hub: Path) -> None:
    folder = fill(hub / "snapshots" / COMMIT, "config.json", "model-00002-of-00003.safetensors")
    assert weights_present(spec()) is False
    fill(folder, "model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors")
    assert weights_present(spec()) is True
    (folder / "model-00003-of-00003.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"lacks model-00003-of-00003\.safetensors"):
        with_checkpoint(spec(), folder)


def test_a_spec_without_revision_is_of_the_commit_that_is_main(hub: Path) -> None:
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids"):
        pinned(spec(revision=None))
    fill(hub / "refs")
    for commit in (COMMIT, "f" * 40):
        fill(hub / "snapshots" / commit, "config.json", "model.safetensors")
        (hub / "refs" / "main").write_text(commit)
        assert pinned(spec(revision=None)).revision == commit
    assert pinned(spec()).revision == COMMIT
    assert pinned(spec(checkpoint=None, revision=None)).revision is None


def test_the_index_of_split_weights_is_part_of_a_checkpoint_s_content(tmp_path: Path) -> None:
    names = ("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    folder = fill(tmp_path / "net", *names, "model.safetensors.index.json")
    split = spec(files=("config.json", "model*.safetensors"))
    before = with_checkpoint(split, folder).revision
    (folder / "model.safetensors.index.json").write_text("names other files")
    assert with_checkpoint(split, folder).revision != before
