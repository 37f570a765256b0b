from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from visionlaw.alignment.language import LanguageRef, load_language
from visionlaw.alignment.projector import build_projector, load_projector, projector_folder
from visionlaw.errors import ConfigError, DataError
from visionlaw.project import Project
from visionlaw.protocols import Representation
from visionlaw.scoring.representations import name_of
from visionlaw_mllm import align as align_module
from visionlaw_mllm import stage1
from visionlaw_mllm.align import align
from visionlaw_mllm.recipes import STAGE1

QUICK = replace(STAGE1, global_batch=8, lr=1e-2)


def weights(project: Project, representation: Representation, language: LanguageRef) -> dict[str, torch.Tensor]:
    folder = projector_folder(project.projectors, name_of(representation), language.fingerprint)
    return load_projector(folder)[0].state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def curve(project: Project) -> list[dict[str, Any]]:
    (path,) = project.state_dir.glob("runs/align-*/metrics.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def elsewhere(project: Project, name: str) -> Project:
    path = project.root.parent / name / "registry.toml"
    path.parent.mkdir()
    path.write_text("")
    return Project.find(path)


def test_two_epochs_on_64_pairs_overfit(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    cards = align(project, representations, literate, pairs, recipe=replace(QUICK, global_batch=2, epochs=2, lr=3e-2))
    assert [card.representation for card in cards] == [name_of(one) for one in representations]
    assert [card.channels for card in cards] == [12, 20, 32]
    lines = curve(project)
    assert len(lines) == 64
    for card in cards:
        losses = [line["losses"][card.representation] for line in lines]
        assert sum(losses[-8:]) / 8 < 0.35 * losses[0], card.representation


def test_each_projector_becomes_what_it_becomes_alone(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    """Up to rounding, which depends on where in memory a matrix lies, and which AdamW makes larger step by step."""
    recipe = replace(QUICK, steps=4, clip=0.1)
    align(project, representations, literate, pairs, recipe=recipe)
    for number, representation in enumerate(representations):
        alone, name = elsewhere(project, f"alone-{number}"), name_of(representation)
        align(alone, [representation], literate, pairs, recipe=recipe)
        for one, other in zip(curve(alone), curve(project), strict=True):
            assert one["losses"][name] == pytest.approx(other["losses"][name], rel=1e-5)
        one, other = (weights(where, representation, literate) for where in (alone, project))
        assert all(float((one[key] - other[key]).abs().mean()) < 1e-5 for key in one)


def test_only_projectors_get_a_gradient_and_nothing_else_changes(
    project: Project,
    representations: list[Representation],
    toys: tuple[Any, Any],
    literate: LanguageRef,
    pairs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[torch.nn.Module] = []

    def load(*arguments: Any) -> tuple[Any, Any]:
        model, tokenizer = load_language(*arguments)
        loaded.append(model)
        return model, tokenizer

    monkeypatch.setattr(align_module, "load_language", load)
    before = [{k: v.clone() for k, v in toy.module.state_dict().items()} for toy in toys]
    align(project, representations, literate, pairs, recipe=QUICK)
    (language,) = loaded
    assert same(language.state_dict(), load_language(literate)[0].state_dict())
    assert not language.training
    assert all(
        part.grad is None for module in (language, *(toy.module for toy in toys)) for part in module.parameters()
    )
    assert all(same(old, toy.module.state_dict()) for old, toy in zip(before, toys, strict=True))
    for representation in representations:
        channels = sum(part.spec.channels for part in representation)
        untrained = build_projector("mlp2x_gelu", channels, 32, seed=0).state_dict()
        now = weights(project, representation, literate)
        assert all(not torch.equal(now[name], untrained[name]) for name in untrained)


def test_the_loss_is_that_of_the_definition(
    project: Project, representations: list[Representation], toys: tuple[Any, Any], literate: LanguageRef, pairs: Path
) -> None:
    """The first step's loss by hand: a sum over all 16 captions' tokens, one by one, with the untrained projector."""
    records = json.loads(pairs.read_text())[:16]
    path = project.root / "sixteen.json"
    path.write_text(json.dumps(records))
    align(project, representations[:1], literate, path, pairs.parent, replace(QUICK, global_batch=16), batch_size=5)
    language, tokenizer = load_language(literate)
    projector = build_projector("mlp2x_gelu", 12, 32, seed=0)
    embed, total, count = language.get_input_embeddings(), 0.0, 0
    for record in records:
        picture = Image.open(pairs.parent / record["image"])
        image = projector(toys[0].encode(toys[0].preprocess(picture)[0][None]))
        known = image  # this tokenizer puts nothing before a sequence
        for token in tokenizer(record["conversations"][1]["value"] + "\n", add_special_tokens=False)["input_ids"]:
            scores = language(inputs_embeds=known).logits[0, -1]
            total -= float(scores.log_softmax(-1)[token].detach())
            count += 1
            known = torch.cat([known, embed(torch.tensor([[token]]))], dim=1)
    assert curve(project)[0]["losses"]["toy/1@32"] == pytest.approx(total / count, rel=1e-5)


class StoppedError(Exception):
    pass


def interrupt_at(step: int) -> Callable[[str, int, int], None]:
    def progress(stage: str, done: int, total: int) -> None:
        if done == step:
            raise StoppedError

    return progress


@pytest.mark.parametrize("cached", [True, False])
def test_a_resumed_run_equals_an_uninterrupted_one(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path, cached: bool
) -> None:
    broken = elsewhere(project, "broken")
    for one in (project, broken):
        one.space_path.write_text(f"[cache]\nlimit_gb = {1 if cached else 1e-9}")
    recipe = replace(QUICK, epochs=1.5)
    align(project, representations, literate, pairs, recipe=recipe)
    for step in (6, 11):
        with pytest.raises(StoppedError):
            align(
                broken, representations, literate, pairs, recipe=recipe, progress=interrupt_at(step), checkpoint_every=4
            )
    align(broken, representations, literate, pairs, recipe=recipe)
    assert curve(broken) == curve(project)
    assert [line["step"] for line in curve(project)] == list(range(1, 13))
    for representation in representations:
        assert same(*(weights(one, representation, literate) for one in (broken, project)))
    assert not list(broken.state_dir.glob("runs/*/checkpoint-*"))


def test_a_smaller_batch_changes_rounding_only(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    other = elsewhere(project, "other")
    align(project, representations[:1], literate, pairs, recipe=QUICK)
    align(other, representations[:1], literate, pairs, recipe=QUICK, batch_size=3, gradient_checkpointing=True)
    for a, b in zip(curve(project), curve(other), strict=True):
        assert a["losses"]["toy/1@32"] == pytest.approx(b["losses"]["toy/1@32"], rel=1e-3)


def test_what_is_trained_is_not_trained_again(
    project: Project, representations: list[Representation], toys: tuple[Any, Any], literate: LanguageRef, pairs: Path
) -> None:
    first = align(project, representations[:1], literate, pairs, recipe=QUICK)
    seen, before = sum(toys[0].seen), weights(project, representations[0], literate)
    both = align(project, representations[:2], literate, pairs, recipe=QUICK)
    assert both[0] == first[0]
    assert sum(toys[0].seen) == seen == 64
    again = align(project, representations[:1], literate, pairs, recipe=replace(QUICK, lr=2e-2))
    assert again[0].digest != first[0].digest
    assert not same(before, weights(project, representations[0], literate))


def test_every_encoder_runs_once_per_image(
    project: Project, representations: list[Representation], toys: tuple[Any, Any], literate: LanguageRef, pairs: Path
) -> None:
    align(project, representations, literate, pairs, recipe=replace(QUICK, epochs=3))
    assert [sum(toy.seen) for toy in toys] == [64, 64]


def test_records_without_a_usable_image_or_caption_are_skipped_and_listed(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path, tmp_path: Path
) -> None:
    records = json.loads(pairs.read_text())[:20]
    (tmp_path / "torn.png").write_bytes((pairs.parent / "0.png").read_bytes()[:60])
    records[3]["image"] = "nowhere.png"
    records[4]["image"] = str(tmp_path / "torn.png")
    records[5]["conversations"][1]["value"] = "  "
    del records[6]["image"]
    records[6]["conversations"][0]["value"] = "What is this?"
    for record in records:
        if record.get("image", "").endswith("png") and (pairs.parent / record["image"]).is_file():
            (tmp_path / record["image"]).write_bytes((pairs.parent / record["image"]).read_bytes())
    records[4]["image"] = "torn.png"
    path = tmp_path / "data.json"
    path.write_text(json.dumps(records))
    (card,) = align(project, representations[:1], literate, path, recipe=replace(QUICK, epochs=2))
    assert (card.training["records"], card.training["skipped"]) == (20, 4)
    (listed,) = project.state_dir.glob("runs/align-*/skipped.jsonl")
    told = {line["position"]: line["reason"] for line in map(json.loads, listed.read_text().splitlines())}
    assert sorted(told) == [3, 4, 5, 6]
    assert "nowhere.png" in told[3]
    assert "empty" in told[5]


def test_only_unusable_images_are_an_error(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"No image of '.*pairs\.json' can be used"):
        align(project, representations[:1], literate, pairs, tmp_path, recipe=QUICK)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_checkpoint(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    recipe = replace(QUICK, lr=1e22, warmup=0.9, steps=40)
    with pytest.raises(DataError, match=r"The loss of 'toy/1@32' is not a finite number at step \d+.*--lr 3e\+21"):
        align(project, representations, literate, pairs, recipe=recipe, checkpoint_every=1)
    (checkpoint,) = project.state_dir.glob("runs/align-*/checkpoint-*")
    assert (checkpoint / "model.safetensors").is_file()
    assert not list(project.projectors.rglob("*.safetensors"))


def test_memory_that_does_not_suffice_is_a_sentence_and_a_smaller_batch_goes_on(
    project: Project,
    representations: list[Representation],
    literate: LanguageRef,
    pairs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is no device to fill, the error that one raises stands for it."""
    whole, calls = stage1.label_loss, []

    def full(*arguments: Any) -> Any:
        calls.append(0)
        if len(calls) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(stage1, "label_loss", full)
        with pytest.raises(DataError, match=r"8 records at a time.*--batch-size 4 or --gradient-checkpointing"):
            align(project, representations[:1], literate, pairs, recipe=QUICK, checkpoint_every=2)
    assert len(list(project.state_dir.glob("runs/align-*/checkpoint-4"))) == 1
    align(project, representations[:1], literate, pairs, recipe=QUICK, batch_size=4)
    assert [line["step"] for line in curve(project)] == list(range(1, 9))


def test_an_image_that_leaves_no_room_for_text_is_refused(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    with pytest.raises(ConfigError, match="'toy/1@32' makes 16 tokens of an image, which leaves no room for text"):
        align(project, representations[:1], literate, pairs, recipe=replace(QUICK, max_length=18))


def test_captions_longer_than_the_context_are_cut(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    (card,) = align(project, representations[:1], literate, pairs, recipe=replace(QUICK, max_length=20))
    assert card.training["skipped"] == 0


def test_a_projector_that_cannot_be_trained_is_refused(
    project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    with pytest.raises(ConfigError, match="'identity' has nothing to train"):
        align(project, representations[:1], literate, pairs, kind="identity")
