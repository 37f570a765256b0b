"""How much does stage 1 add to what its language model takes anyway?

    python benchmarks/stage1.py [STEPS]

One representation whose features are at hand, so that encoders do not count: the time of an optimizer step of
``visionlaw_mllm.align.align``, everything included, against a bare forward and backward pass of the language model on
the same batches, ``model(inputs_embeds=…, labels=…).loss.backward()`` with a gradient for the embeddings. Medians of
STEPS steps (default: 40), the two in turn, three times; in seconds of processor time with one thread, so that other
work on the machine does not count, and what the feeding thread does counts in full. The language models are Llamas with
random weights: a tiny one, and one of SmolLM2-135M's shape, which takes a fifth of the steps.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from visionlaw.alignment.language import LanguageRef, find_language, load_language
from visionlaw.alignment.projector import build_projector
from visionlaw.features.preprocess import prepare
from visionlaw.project import Project
from visionlaw.protocols import EncoderRef
from visionlaw.specs import EncoderSpec
from visionlaw_mllm.align import align
from visionlaw_mllm.batches import Batch, assemble
from visionlaw_mllm.prompts import encode
from visionlaw_mllm.recipes import STAGE1
from visionlaw_mllm.records import RecordSet

SIDE, CHANNELS, TURNS = 7, 128, 3
WORDS = (
    "a",
    "small",
    "red",
    "white",
    "blue",
    "green",
    "square",
    "disc",
    "ring",
    "left",
    "right",
    "above",
    "of",
    "five",
)


@dataclass(frozen=True)
class Case:
    """A language model, and how many records of how many visual tokens it sees at a time."""

    name: str
    config: dict[str, Any]
    batch: int
    side: int
    share: float


CASES = (
    Case(
        "tiny: 4 layers of 128",
        {
            "vocab_size": 512,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
        },
        32,
        7,
        1.0,
    ),
    Case(
        "SmolLM2-135M's shape",
        {
            "vocab_size": 49_152,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "tie_word_embeddings": True,
        },
        4,
        9,
        0.2,
    ),
)


class Patches:
    """An encoder that costs nothing: what counts is what comes after it."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.weight = torch.randn(192, CHANNELS, generator=torch.Generator().manual_seed(0)) / 10

    @property
    def reference(self) -> EncoderRef:
        size = 8 * self.side
        spec = EncoderSpec(id=f"bench/patches@{size}", target="bench:make", resolution=size, patch=8, channels=CHANNELS)
        return EncoderRef(spec.id, spec, {"spec": "1"}, load=lambda: self)

    def preprocess(self, image: Image.Image) -> Any:
        return prepare(image, 8 * self.side, 8)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.unfold(batch, 8, stride=8).transpose(1, 2) @ self.weight


def main() -> None:
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{'language model':24}{'batch':>16}{'bare ms':>12}{'stage 1 ms':>12}{'ratio':>8}")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            batch, bare, ours = measure(case, max(5, round(steps * case.share)), Path(folder))
        print(f"{case.name:24}{batch:>16}{bare * 1e3:12.1f}{ours * 1e3:12.1f}{ours / bare:8.2f}", flush=True)


def measure(case: Case, steps: int, folder: Path) -> tuple[str, float, float]:
    """Return the shape of the batch, and the processor seconds of a bare pass and of a step of stage 1."""
    language, data = make_language(case, folder / "language"), make_pairs(folder, 4 * case.batch, 8 * case.side)
    patches = Patches(case.side)
    batches = make_batches(case, language, data, patches)
    model, _ = load_language(language)
    bare, ours = list[float](), list[float]()
    for turn in range(TURNS):
        for number in range(steps):
            bare.append(bare_pass(model, batches[number % len(batches)]))
        ours += stage1_steps(case, language, data, patches, steps, folder / f"project-{turn}")
    shape = f"{case.batch} × {batches[0].labels.shape[1]}"
    return shape, statistics.median(bare), statistics.median(ours)


def bare_pass(model: Any, batch: Batch) -> float:
    embedded = batch.inputs_embeds.detach().requires_grad_()
    start = time.process_time()
    model(
        inputs_embeds=embedded,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        labels=batch.labels,
        use_cache=False,
    ).loss.backward()
    return time.process_time() - start


def stage1_steps(
    case: Case, language: LanguageRef, data: Path, patches: Patches, steps: int, folder: Path
) -> list[float]:
    """Return the processor seconds of each step of a training, those aside in which features are computed."""
    folder.mkdir()
    (folder / "registry.toml").write_text("")
    ends = list[float]()
    recipe = replace(STAGE1, global_batch=case.batch, steps=steps + 5)
    align(
        Project.find(folder / "registry.toml"),
        [(patches.reference,)],
        language,
        data,
        recipe=recipe,
        progress=lambda *_: ends.append(time.process_time()),
        batch_size=case.batch,
        checkpoint_every=10_000,
    )
    return [end - begin for begin, end in itertools.pairwise(ends)]


def make_batches(case: Case, language: LanguageRef, data: Path, patches: Patches) -> list[Batch]:
    """Return the first batches that the training sees, without the projector's part of the graph."""
    model, tokenizer = load_language(language)
    projector = build_projector("mlp2x_gelu", CHANNELS, language.width, seed=0)
    records = list(RecordSet.open(data).stream(seed=0))
    made = []
    for begin in range(0, len(records), case.batch):
        some = records[begin : begin + case.batch]
        images = [patches.encode(patches.preprocess(one.image.open().load())[0][None])[0] for one in some]
        with torch.no_grad():
            visual = [projector(image) for image in images]
            texts = [encode(one.turns, "plain", tokenizer) for one in some]
            made.append(assemble(texts, visual, model.get_input_embeddings()))
    return made


def make_language(case: Case, folder: Path) -> LanguageRef:
    vocabulary = {name: number for number, name in enumerate(["<unk>", "<s>", "</s>", "\n", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**case.config)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    return find_language(str(folder))


def make_pairs(folder: Path, count: int, size: int) -> Path:
    rng, records = np.random.default_rng(0), []
    for number in range(count):
        Image.fromarray(rng.integers(0, 255, (size, size, 3), np.uint8)).save(folder / f"{number}.png")
        caption = " ".join(rng.choice(WORDS, rng.integers(8, 16)))
        talk = [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": caption}]
        records.append({"id": str(number), "image": f"{number}.png", "conversations": talk})
    (folder / "pairs.json").write_text(json.dumps(records))
    return folder / "pairs.json"


if __name__ == "__main__":
    main()
