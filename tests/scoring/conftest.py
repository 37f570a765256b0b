"""A project to measure A in: encoders, images of benchmarks, captions, a language model's folder, projectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SPACE = """
[space]
representations = ["toy-mean", "toy-fine", "toy-fine + toy-mean"]
[language]
model = "lm"
[alignment]
definition = "gazer/bright"
references = ["toy-mean"]
images = 4
captions = "list"
captions_root = "captions.csv"
[benchmarks]
mme = { name = "MME", kind = "vision", images = "folder", images_root = "mme" }
doc = { name = "Doc", kind = "ocr", images = "folder", images_root = "doc" }
gqa = { name = "GQA", kind = "vision" }
"""


def photographs(folder: Path, number: int, seed: int) -> None:
    folder.mkdir()
    for place in range(number):
        pixels = np.random.default_rng((seed, place)).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((70, 65), Image.Resampling.BICUBIC).save(folder / f"{place}.png")


def language_model(folder: Path, weights: bytes = b"weights") -> None:
    """Write what identifies a language model, which nothing here loads."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 48, "max_position_embeddings": 64}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)


@pytest.fixture
def gallery(installed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, as the working directory."""
    installed("toyscore", "acme", "gazer")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.toml").write_text(SPACE)
    photographs(tmp_path / "mme", 6, seed=0)
    photographs(tmp_path / "doc", 5, seed=1)
    rows = "".join(f"mme/{place}.png,caption {'x' * place}\n" for place in range(6))
    (tmp_path / "captions.csv").write_text(f"image,caption\n{rows}")
    language_model(tmp_path / "lm")
    return tmp_path
