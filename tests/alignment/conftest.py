"""A language model of 4,000 weights, encoders of coloured patches, and projectors between them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.alignment.language import LanguageRef, find_language
from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import CaptionedImage, EncoderRef, ImageRef, Representation, ScoringJob
from visionlaw.scoring.representations import name_of
from visionlaw.specs import EncoderSpec

WORDS = ("a", "red", "blue", "dog", "cat", "on", "the", "mat", "sits", "sleeps")
CAPTIONS = ("a red dog", "the blue cat sits on the mat", "a cat", "the dog sleeps", "red mat", "blue")
WIDTH = 16


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@dataclass
class Patches:
    """Tokens are fixed random features of 64 px images' patches; counts the images that it encodes."""

    name: str
    patch: int = 16
    channels: int = 5
    revision: str = "1" * 40
    encoded: list[int] = field(default_factory=list)

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, Geometry]:
        return prepare(image, 64, self.patch)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.encoded.append(len(batch))
        n = 64 // self.patch
        cells = batch.reshape(len(batch), 3, n, self.patch, n, self.patch).mean((3, 5)).flatten(2).transpose(1, 2)
        seed = int(hashlib.sha256(self.name.encode()).hexdigest()[:8], 16)
        return torch.tanh(4 * cells @ torch.randn(3, self.channels, generator=torch.Generator().manual_seed(seed)))

    @property
    def ref(self) -> EncoderRef:
        spec = EncoderSpec(
            id=f"toy/{self.name}@64", target="toy:net", resolution=64, patch=self.patch, channels=self.channels
        )
        return EncoderRef(spec.id, spec, {"distribution": "toy", "revision": self.revision}, load=lambda: self)


def picture(seed: int) -> ImageRef:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return ImageRef(
        hashlib.sha256(pixels.tobytes()).hexdigest(), lambda: Image.fromarray(pixels).resize((70, 50), Image.NEAREST)
    )


def make_language(folder: Path, seed: int = 0, bos: bool = True, **changes: object) -> Path:
    """Write a Llama of random weights, and a tokenizer of words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(("<unk>", "<s>", "</s>", "\n", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    shape = {
        "vocab_size": len(words),
        "hidden_size": WIDTH,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**(shape | changes)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def language_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_language(tmp_path_factory.mktemp("language"))


@pytest.fixture(scope="session")
def language(language_folder: Path) -> LanguageRef:
    return find_language(str(language_folder))


@dataclass
class Bench:
    """Encoders a (4×4 tokens), b (4×4) and c (2×2), their combinations, and a folder of trained projectors."""

    language: LanguageRef
    projectors: Path
    encoders: dict[str, Patches] = field(
        default_factory=lambda: {
            "a": Patches("a"),
            "b": Patches("b", channels=7),
            "c": Patches("c", patch=32, channels=6),
        }
    )

    def representation(self, text: str) -> Representation:
        return tuple(self.encoders[part].ref for part in text.split("+"))

    def train(self, *texts: str, **changes: object) -> Bench:
        for text in texts:
            parts = self.representation(text)
            facts = {
                "representation": name_of(parts),
                "kind": "mlp2x_gelu",
                "channels": sum(part.spec.channels for part in parts),
                "width": self.language.width,
                "encoders": {part.id: dict(part.provenance) for part in parts},
                "language": self.language.provenance,
                "combiner": {"id": "concat"} if len(parts) > 1 else {},
            } | changes
            card = ProjectorCard(**facts)
            seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
            projector = build_projector(card.kind, card.channels, card.width, seed)
            for name, value in projector.state_dict().items():
                if name.endswith("weight"):
                    value.mul_(6)
            folder = projector_folder(self.projectors, name_of(parts), self.language.fingerprint)
            save_projector(folder, projector, card)
        return self

    def job(
        self, *texts: str, references: Sequence[str] = ("a", "c"), images: int = 6, **changes: object
    ) -> ScoringJob:
        data: list[CaptionedImage] = [(picture(n), CAPTIONS[n % len(CAPTIONS)]) for n in range(images)]
        fields = {
            "representations": [self.representation(text) for text in texts],
            "data": data,
            "combiner": ConcatCombiner(),
            "combiner_id": "concat",
            "projectors": self.projectors,
            "references": [self.representation(text) for text in references],
            "language": self.language,
        }
        return ScoringJob(**(fields | changes))


@pytest.fixture
def bench(language: LanguageRef, tmp_path: Path) -> Bench:
    return Bench(language, tmp_path / "projectors")


@pytest.fixture(scope="session")
def new_language() -> Callable[..., Path]:
    return make_language
