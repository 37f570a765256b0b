from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from visionlaw.alignment.language import LanguageRef, load_language
from visionlaw.errors import DataError
from visionlaw.project import Project
from visionlaw.protocols import Representation
from visionlaw_mllm.align import align
from visionlaw_mllm.finetune import finetune, how_trained
from visionlaw_mllm.mllm import MLLM
from visionlaw_mllm.recipes import STAGE1, STAGE2, STAGE2_LORA
from visionlaw_mllm.saved import read_model

PREPARE = replace(STAGE1, global_batch=8, lr=1e-2, steps=4)
QUICK = replace(STAGE2, global_batch=8, lr=5e-3, epochs=2)
LORA = replace(STAGE2_LORA, global_batch=8, lr=1e-2, lora=4, epochs=2)
peft_asks_as_before = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
"""peft asks a model by the name that transformers 5.20 has replaced."""


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    """Return all weights of a saved model."""
    saved = read_model(folder)
    language, _ = load_language(saved.language)
    return {**saved.projector.state_dict(), **language.state_dict()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def talks(pairs: Path) -> Path:
    """Return conversations of which some have no image and some are long."""
    records = json.loads(pairs.read_text())
    for index, record in enumerate(records[::5]):
        del record["image"]
        record["conversations"][0]["value"] = f"What is {index} and {index}?"
        record["conversations"][1]["value"] = str(2 * index)
    for record in records[1::5]:
        record["conversations"] += [{"from": "human", "value": "Sure?"}, {"from": "gpt", "value": "yes"}]
    path = pairs.parent / "talks.json"
    path.write_text(json.dumps(records))
    return path


@pytest.fixture
def aligned(project: Project, representations: list[Representation], literate: LanguageRef, pairs: Path) -> Project:
    align(project, representations, literate, pairs, recipe=PREPARE)
    return project


def test_projector_and_language_model_are_trained_and_encoders_are_not(
    aligned: Project, representations: list[Representation], toys: tuple[Any, Any], literate: LanguageRef, talks: Path
) -> None:
    before = {name: value.clone() for name, value in toys[0].module.state_dict().items()}
    folder = finetune(aligned, representations[2], literate, talks, recipe=QUICK)
    facts = how_trained(folder)
    assert facts["representation"] == "toy/1@32 + toy/2@32"
    assert facts["losses"][1] < 0.5 * facts["losses"][0]
    now, base = loaded(folder), load_language(literate)[0].state_dict()
    assert all(not torch.equal(now[name], base[name]) for name in base)
    assert same(before, toys[0].module.state_dict())
    assert finetune(aligned, representations[2], literate, talks, recipe=QUICK) == folder
    assert len(list(aligned.state_dir.glob("models/*"))) == 1


def test_the_loss_counts_answers_alone(
    aligned: Project, representations: list[Representation], literate: LanguageRef, pairs: Path
) -> None:
    """The first step's loss by hand, over the tokens of answers and their ends."""
    path = pairs.parent / "three.json"
    path.write_text(json.dumps(json.loads(pairs.read_text())[:3]))
    folder = finetune(aligned, representations[0], literate, path, recipe=replace(QUICK, global_batch=3, epochs=1))
    model = MLLM.aligned(aligned, representations[0], literate)
    total, count = 0.0, 0
    for record in json.loads(path.read_text()):
        (image,) = model.project(model.encode([pairs.parent / record["image"]]))
        answer = record["conversations"][1]["value"]
        system = "A chat between a curious user and an artificial intelligence assistant. "
        system += "The assistant gives helpful, detailed, and polite answers to the user's questions."
        embed, ids = model.language.get_input_embeddings(), lambda text: model.tokenizer(text)["input_ids"]
        before, behind = ids(f"{system} USER: "), ids("\nWhat is this? ASSISTANT:")
        parts = [embed(torch.tensor(before)), image, embed(torch.tensor(behind))]
        known = torch.cat(parts)[None]
        for token in [*ids(f" {answer}"), 2]:  # what a model that is asked has to say first, too
            scores = model.language(inputs_embeds=known).logits[0, -1]
            total -= float(scores.log_softmax(-1)[token].detach())
            count += 1
            known = torch.cat([known, embed(torch.tensor([[token]]))], dim=1)
    assert how_trained(folder)["losses"][0] == pytest.approx(total / count, rel=1e-5)


@peft_asks_as_before
@pytest.mark.parametrize("recipe", [QUICK, LORA])
def test_a_resumed_run_equals_an_uninterrupted_one(
    aligned: Project, representations: list[Representation], literate: LanguageRef, talks: Path, recipe: Any
) -> None:
    class StoppedError(Exception):
        pass

    def interrupt_at(step: int) -> Callable[[str, int, int], None]:
        def progress(stage: str, done: int, total: int) -> None:
            if done == step:
                raise StoppedError

        return progress

    folder = finetune(aligned, representations[0], literate, talks, recipe=recipe)
    whole, facts = loaded(folder), how_trained(folder)
    (folder / "mllm.json").unlink()
    for step in (5, 9):
        with pytest.raises(StoppedError):
            finetune(
                aligned,
                representations[0],
                literate,
                talks,
                recipe=recipe,
                progress=interrupt_at(step),
                checkpoint_every=2,
            )
    assert not (folder / "mllm.json").exists()
    assert finetune(aligned, representations[0], literate, talks, recipe=recipe) == folder
    assert same(loaded(folder), whole)
    assert how_trained(folder) == facts


@peft_asks_as_before
def test_lora_is_merged_into_the_linear_layers_and_nothing_else_changes(
    aligned: Project, representations: list[Representation], literate: LanguageRef, talks: Path
) -> None:
    folder = finetune(aligned, representations[0], literate, talks, recipe=LORA)
    now, base = loaded(folder), load_language(literate)[0].state_dict()
    changed = {name for name in base if not torch.equal(now[name], base[name])}
    assert changed == {name for name in base if "proj" in name}
    assert how_trained(folder)["losses"][1] < 0.7 * how_trained(folder)["losses"][0]


def test_without_stage_1_it_says_what_to_do(
    project: Project, representations: list[Representation], literate: LanguageRef, talks: Path
) -> None:
    with pytest.raises(DataError, match=r"There is no projector in .* Train it: visionlaw align"):
        finetune(project, representations[0], literate, talks, recipe=QUICK)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_checkpoint(
    aligned: Project, representations: list[Representation], literate: LanguageRef, talks: Path
) -> None:
    recipe = replace(QUICK, lr=1e22, warmup=0.9, steps=40)
    with pytest.raises(DataError, match="The loss of 'toy/1@32' is not a finite number"):
        finetune(aligned, representations[0], literate, talks, recipe=recipe, checkpoint_every=1)
    assert len(list(aligned.state_dir.glob("runs/finetune-*/checkpoint-*"))) == 1
    assert not list(aligned.state_dir.glob("models/*"))
