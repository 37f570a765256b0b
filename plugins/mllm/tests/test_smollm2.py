"""That the language model of the slow tests is what it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from visionlaw.alignment.language import find_language, load_language

pytestmark = pytest.mark.slow
TEXTS = (
    "The capital of France is Paris, isn't it?",
    "  two spaces,\ta tab\n\nand 1,234 lines — naïve café 猫 🙂",
    "<|im_start|>user\nHow many?<|im_end|>\n",
)


def test_its_tokenizer_loses_nothing(smollm2: Path) -> None:
    _, tokenizer = load_language(find_language(str(smollm2)))
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=False) == text
    assert tokenizer.tokenize("The capital 1234") == ["The", "Ġcapital", "Ġ", "1", "2", "3", "4"]
    assert tokenizer.encode("<|im_start|>user")[0] == 1


def test_it_knows_the_capital_of_france(smollm2: Path) -> None:
    model, tokenizer = load_language(find_language(str(smollm2)))
    ids = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        said = model.generate(**ids, max_new_tokens=8, do_sample=False)
    assert tokenizer.decode(said[0]).startswith("The capital of France is Paris")
    turns = [{"role": "user", "content": "What is the capital of Italy? Answer in one word."}]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        said = model.generate(**ids, max_new_tokens=12, do_sample=False)
    assert "Rome" in tokenizer.decode(said[0, ids["input_ids"].shape[1] :])
