"""The lab's language model: a tiny Llama that reads the lab's language, pre-trained on text alone.

It is saved as transformers saves any model, so that core finds and loads it like Vicuna
(:func:`visionlaw.alignment.language.find_language`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Regex, Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from visionlaw.alignment.language import save_language
from visionlaw_lab.recipes import LanguageRecipe
from visionlaw_lab.texts import BEGIN, CHAT_TEMPLATE, END, PAD, UNKNOWN, VOCABULARY, document

IGNORED = -100
CONTEXT = 512
EMBEDDING_SCALE, SHARPNESS = 0.05, 5.0
LOOKING_BACK, ROPE_BASE = 2, 10_000.0


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer: one token per word, line ends and special tokens included."""
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [pre_tokenizers.Split(Regex("[\n,.?]"), "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, VOCABULARY.index(BEGIN))]
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=UNKNOWN, pad_token=PAD, bos_token=BEGIN, eos_token=END
    )
    wrapped.chat_template = CHAT_TEMPLATE
    wrapped.model_max_length = CONTEXT
    return wrapped


def build_model(recipe: LanguageRecipe, tokens: int) -> LlamaForCausalLM:
    """Return an untrained model of a recipe for so many tokens."""
    config = LlamaConfig(
        vocab_size=tokens,
        hidden_size=recipe.width,
        intermediate_size=recipe.width * 3,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=CONTEXT,
        pad_token_id=VOCABULARY.index(PAD),
        bos_token_id=VOCABULARY.index(BEGIN),
        eos_token_id=VOCABULARY.index(END),
        tie_word_embeddings=True,
        attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed)
        model = LlamaForCausalLM(config)
        _start_reading(model, recipe)
    return model


def _start_reading(model: LlamaForCausalLM, recipe: LanguageRecipe) -> None:
    """Start from attention that copies what it looks at, and in the first block looks back by a word or two.

    Attention's output undoes its values (Trockman and Kolter, ICML 2023), and previous words are what induction is made
    of (Olsson et al., 2022). From the usual random weights so small a model takes thousands of steps to find either.
    """
    width, size = recipe.width, recipe.width // recipe.heads
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0.0, EMBEDDING_SCALE)
        for number, layer in enumerate(model.model.layers):
            attention = cast("Any", layer).self_attn
            turn = torch.linalg.qr(torch.randn(width, width))[0]
            attention.v_proj.weight.copy_(turn)
            attention.o_proj.weight.copy_(turn.T)
            for projection in (attention.q_proj, attention.k_proj):
                projection.weight.normal_(0.0, width**-0.5)
            for back in range(1, min(LOOKING_BACK, recipe.heads - 1) + 1) if number == 0 else ():
                head = slice((back - 1) * size, back * size)
                _look_back(attention.q_proj, attention.k_proj, head, back)


def _look_back(query: torch.nn.Linear, key: torch.nn.Linear, head: slice, back: int) -> None:
    """Let a head attend to the word so many places back: constant keys, and queries turned by as much (RoPE)."""
    size = head.stop - head.start
    angles = back * ROPE_BASE ** (-torch.arange(0, size, 2) / size)
    query.weight[head], key.weight[head] = 0.0, 0.0
    key.bias[head] = SHARPNESS * torch.cat([torch.ones(size // 2), torch.zeros(size // 2)])
    query.bias[head] = SHARPNESS * torch.cat([angles.cos(), -angles.sin()])


def pretrain(recipe: LanguageRecipe, folder: Path, progress: Callable[[int, float], None] | None = None) -> Path:
    """Train the language model on text alone and save it with its tokenizer.

    Args:
        recipe: How.
        folder: Made where it is missing.
        progress: Called as ``progress(step, loss)``.
    """
    tokenizer = build_tokenizer()
    model = build_model(recipe, len(tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * _schedule(step, recipe.steps)
        texts = [document(recipe.seed, step * recipe.batch + i) for i in range(recipe.batch)]
        loss = model(**_encoded(texts, tokenizer)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if progress is not None:
            progress(step, float(loss.detach()))
    save_language(folder, model.eval(), tokenizer)
    return folder


def _encoded(texts: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """Return a batch whose labels leave out what is only read: the telling, and padding."""
    batch = tokenizer([told + said for told, said in texts], return_tensors="pt", padding=True)
    told = tokenizer([told for told, _ in texts], return_tensors="pt", padding=True)["attention_mask"].sum(dim=1)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    read = torch.arange(ids.shape[1]) < told[:, None]
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill((mask == 0) | read, IGNORED)}


def _schedule(step: int, steps: int) -> float:
    """Warm up over a twentieth of the steps, then fall as a cosine."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
