"""Fixtures of the training tests: coloured squares with captions, encoders that see colours, a model that can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.alignment.language import LanguageRef, find_language
from visionlaw.features.preprocess import prepare
from visionlaw.project import Project
from visionlaw.protocols import EncoderRef, Representation
from visionlaw.specs import EncoderSpec

COLOURS = {"red": (200, 30, 30), "green": (30, 190, 40), "blue": (30, 40, 200), "white": (230, 230, 230)}


@dataclass
class Toy:
    """An encoder with weights: patches of 8×8 pixels of a 32×32 image through a linear layer."""

    channels: int
    seed: int
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.seed)
            self.module = torch.nn.Linear(3 * 64, self.channels)
        self.module.weight.data *= 4

    @property
    def reference(self) -> EncoderRef:
        spec = EncoderSpec(id=f"toy/{self.seed}@32", target="toy:make", resolution=32, patch=8, channels=self.channels)
        facts = {"distribution": "toy", "version": "1", "spec": str(self.seed)}
        return EncoderRef(spec.id, spec, facts, load=lambda: self)

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, object]:
        return prepare(image, 32, 8)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(batch))
        patches = torch.nn.functional.unfold(batch, 8, stride=8).transpose(1, 2)
        return self.module(patches)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "project" / "registry.toml"
    path.parent.mkdir()
    path.write_text("")
    return Project.find(path)


@pytest.fixture
def toys() -> tuple[Toy, Toy]:
    return Toy(12, 1), Toy(20, 2)


@pytest.fixture
def representations(toys: tuple[Toy, Toy]) -> list[Representation]:
    """One encoder, another one, and both combined."""
    a, b = (toy.reference for toy in toys)
    return [(a,), (b,), (a, b)]


def caption(colour: str) -> str:
    return f"a {colour} box"


def draw(index: int) -> tuple[Image.Image, str]:
    """Return a picture and what it shows."""
    colour = list(COLOURS)[index % 4]
    rng = np.random.default_rng(index)
    pixels = rng.integers(0, 25, (32, 32, 3))
    top, left = rng.integers(0, 12, 2)
    box = pixels[top : top + 20, left : left + 20]
    box[:] = np.array(COLOURS[colour]) + rng.integers(-20, 20, box.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), caption(colour)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a JSON file of 64 image–caption pairs, their images beside it."""
    return write_pairs(tmp_path_factory.mktemp("pairs"), 64)


def write_pairs(folder: Path, count: int, question: str = "<image>\nWhat is this?") -> Path:
    records = []
    for index in range(count):
        picture, caption = draw(index)
        picture.save(folder / f"{index}.png")
        talk = [{"from": "human", "value": question}, {"from": "gpt", "value": caption}]
        records.append({"id": f"r{index}", "image": f"{index}.png", "conversations": talk})
    path = folder / "pairs.json"
    path.write_text(json.dumps(records))
    return path


@pytest.fixture
def make_pairs() -> Callable[..., Path]:
    return write_pairs


@pytest.fixture(scope="session")
def literate(tiny_language: Path, tmp_path_factory: pytest.TempPathFactory) -> LanguageRef:
    """Return the tiny Llama after seconds of learning to say which colour 16 embeddings in a row are of.

    A random model could not be made to say anything. Which directions mean which colour is for projectors to find out.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_language)
    model = AutoModelForCausalLM.from_pretrained(tiny_language, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    meaning = torch.randn(len(COLOURS), 32, generator=generator)
    texts = tokenizer(
        [f"{caption(name)}\n" for name in COLOURS], padding=True, return_tensors="pt", padding_side="right"
    )
    for _ in range(100):
        chosen = torch.randint(len(COLOURS), (16,), generator=generator)
        ids, mask = texts["input_ids"][chosen], texts["attention_mask"][chosen]
        text = model.get_input_embeddings()(ids)
        image = meaning[chosen, None] * torch.rand(16, 16, 1, generator=generator)
        image = image + 0.5 * torch.randn(image.shape, generator=generator)
        embedded = torch.cat([image, text], dim=1)
        labels = torch.cat([torch.full((16, 16), -100), ids.masked_fill(mask == 0, -100)], dim=1)
        loss = model(inputs_embeds=embedded, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert float(loss.detach()) < 0.1
    folder = tmp_path_factory.mktemp("literate")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return find_language(str(folder))
