"""Masking with the tokenizer and the chat template of a real language model."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from visionlaw_mllm.conversations import Turn
from visionlaw_mllm.prompts import IGNORE, IMAGE, encode, encode_prompt
from visionlaw_mllm.templates import Template

pytestmark = pytest.mark.slow
ANSWERS = ["\n- naïve café 猫\n", "Yes, 1,234.  "]
TURNS = [Turn("human", "How many\n<image>?"), Turn("gpt", ANSWERS[0]), Turn("human", "Yes?"), Turn("gpt", ANSWERS[1])]


@pytest.mark.parametrize(
    ("template", "learnt"),
    [
        ("v1", [f" {answer}<|im_end|>" for answer in ANSWERS]),
        ("chat", [f"{answer}<|im_end|>" for answer in ANSWERS]),
    ],
)
def test_what_is_learnt_spells_the_answers_with_their_ends(
    smollm2: Path, template: Template, learnt: list[str]
) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(smollm2)
    example = encode(TURNS, template, tokenizer)

    runs = [list(run) for known, run in groupby(example.labels, lambda label: label != IGNORE) if known]
    assert [tokenizer.decode(run) for run in runs] == learnt
    assert example.ids.count(IMAGE) == 1


def test_nothing_stands_before_the_image_that_the_tokenizer_does_not_put_there(smollm2: Path) -> None:
    """Its beginning-of-sequence token is the mark of a chat's turn, and begins no text."""
    tokenizer: Any = AutoTokenizer.from_pretrained(smollm2)
    assert encode_prompt([Turn("human", "<image>")], "plain", tokenizer) == [IMAGE]
