from __future__ import annotations

from pathlib import Path

import pytest
import torch

from visionlaw.alignment.language import find_language, load_language
from visionlaw_lab.captions import caption
from visionlaw_lab.language import build_model, build_tokenizer, pretrain
from visionlaw_lab.names import BENCHMARKS
from visionlaw_lab.questions import benchmark_question, training_questions, training_scene
from visionlaw_lab.recipes import LanguageRecipe
from visionlaw_lab.texts import document
from visionlaw_mllm.conversations import Turn
from visionlaw_mllm.prompts import IGNORE, encode

TINY = LanguageRecipe(width=32, layers=2, heads=4, steps=3, batch=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretrain(TINY, tmp_path_factory.mktemp("lab") / "language")


def test_tokenizer_knows_every_word_there_is() -> None:
    tokenizer = build_tokenizer()
    texts = ["".join(document(0, number)) for number in range(60)]
    for number in range(60):
        scene = training_scene(0, number)
        texts += [caption(scene), *(f"{q.text} {q.answer}" for q in training_questions(scene))]
    for benchmark in BENCHMARKS:
        asked = [benchmark_question(benchmark, 0, number)[1] for number in range(12)]
        texts += [f"{question.text} {' '.join(question.options)}" for question in asked]
    for text in texts:
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"], text


def test_every_answer_is_one_token() -> None:
    tokenizer = build_tokenizer()
    for benchmark in BENCHMARKS:
        for option in benchmark_question(benchmark, 0, 0)[1].options:
            assert len(tokenizer(option, add_special_tokens=False)["input_ids"]) == 1


def test_chat_template_is_the_language_that_the_model_has_learnt() -> None:
    tokenizer = build_tokenizer()
    turns = [Turn("human", "<image>\nis there a red circle ?"), Turn("gpt", "yes")]
    turns += [Turn("human", "which word is there ?"), Turn("gpt", "cat")]
    example = encode(turns, "chat", tokenizer)
    text = " ".join("<image>" if i < 0 else tokenizer.convert_ids_to_tokens(i) for i in example.ids)
    assert text == (
        "<s> <user> <image> \n is there a red circle ? <assistant> yes </s>"
        " <user> which word is there ? <assistant> cat </s>"
    )
    learnt = [tokenizer.convert_ids_to_tokens(label) for label in example.labels if label != IGNORE]
    assert learnt == ["yes", "</s>", "cat", "</s>"]


def test_folder_is_one_that_core_finds_and_loads(folder: Path) -> None:
    language = find_language(str(folder))
    assert language.width == TINY.width
    assert language.context == 512
    model, tokenizer = load_language(language)
    ids = tokenizer("a red circle top-left .", return_tensors="pt")["input_ids"]
    assert torch.isfinite(model(input_ids=ids).logits).all()
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == "a red circle top-left ."


def test_same_seed_trains_the_same_model(folder: Path, tmp_path: Path) -> None:
    again = pretrain(TINY, tmp_path / "language")
    one, other = (load_language(find_language(str(path)))[0].state_dict() for path in (folder, again))
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_the_first_block_begins_by_looking_one_and_two_words_back() -> None:
    model = build_model(LanguageRecipe(layers=1), 60)
    model.set_attn_implementation("eager")
    ids = torch.arange(6, 46)[None]
    seen = model(input_ids=ids, output_attentions=True).attentions[0][0]
    for head, back in ((0, 1), (1, 2)):
        looked_at = seen[head].diagonal(-back)[5:]
        assert looked_at.min() > 0.8
    assert seen[2].diagonal(-1)[5:].mean() < 0.3
