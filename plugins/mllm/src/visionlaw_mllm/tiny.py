"""Miniatures for the conformance kit and for tests: records in a shard, and a project with a tiny language model.

The language model is random; what is trained on it says nothing, but is trained by the code that trains a large one.
"""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from visionlaw.specs import ImageSourceSpec, Option, TrainerSpec

REPRESENTATION = "classical/rgb@112"
COLOURS = {"red": (200, 30, 30), "green": (30, 190, 40), "blue": (30, 40, 200), "white": (230, 230, 230)}
TASK = "tiny"
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_source(spec: ImageSourceSpec, folder: Path) -> ImageSourceSpec:
    """Write four image–caption pairs as a WebDataset shard into a folder."""
    with tarfile.open(folder / "00000.tar", "w") as archive:
        for number, (colour, picture) in enumerate(_pictures()):
            _add(archive, f"{number:05d}.png", _png(picture))
            _add(archive, f"{number:05d}.txt", f"A {colour} square.".encode())
    return spec


def write_project(spec: TrainerSpec, folder: Path) -> TrainerSpec:
    """Write a project into a folder: an encoder without weights, a tiny language model, four records for both stages.

    It has one benchmark, a task of lmms-eval, whose files are written where lmms-eval is installed.
    """
    write_language(folder / "language")
    records = write_records(folder / "data")
    (folder / "registry.toml").write_text(
        f'[space]\nrepresentations = ["{REPRESENTATION}"]\n\n[language]\nmodel = "{(folder / "language").as_posix()}"\n'
        f'\n[benchmarks]\n{TASK} = {{ name = "Tiny", kind = "vision" }}\n'
    )
    tasks = folder / "tasks"
    tasks.mkdir()
    if importlib.util.find_spec("lmms_eval") is not None:
        pictures = [picture for _, picture in _pictures()]
        write_task(tasks, pictures, ["What is it?"] * len(pictures), [f"A {colour} square." for colour in COLOURS])
    return _with_defaults(spec, data=str(records), pairs=str(records), tasks=str(tasks))


def write_records(folder: Path) -> Path:
    """Write records of LLaVA's form and their images into a folder, and return the JSON file."""
    folder.mkdir(parents=True)
    records: list[dict[str, object]] = []
    for number, (colour, picture) in enumerate(_pictures()):
        (folder / f"{number}.png").write_bytes(_png(picture))
        talk = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": f"A {colour} square."}]
        records.append({"id": str(number), "image": f"{number}.png", "conversations": talk})
    path = folder / "records.json"
    path.write_text(json.dumps(records))
    return path


def write_language(folder: Path) -> Path:
    """Write a Llama of width 32 with 2 layers, random and always the same, a token a byte; return its folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from visionlaw.alignment.language import save_language

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {name: number for number, name in enumerate(["<pad>", "<s>", "</s>", *letters])}
    bytes_ = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bytes_.decoder = decoders.ByteLevel()
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_, chat_template=CHAT, **special)
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
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    folder.mkdir(parents=True, exist_ok=True)
    save_language(folder, model, tokenizer)
    return folder


def write_task(folder: Path, pictures: Sequence[Image.Image], questions: Sequence[str], answers: Sequence[str]) -> None:
    """Write the task ``tiny`` as lmms-eval reads it: its score is the share of questions answered word for word."""
    from datasets import Dataset, Features, Value
    from datasets import Image as ImageColumn

    columns = Features({"image": ImageColumn(), "question": Value("string"), "answer": Value("string")})
    rows = {"image": list(pictures), "question": list(questions), "answer": list(answers)}
    Dataset.from_dict(rows, features=columns).to_parquet(folder / "test.parquet")
    (folder / f"{TASK}.yaml").write_text(f"""
task: {TASK}
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {folder / "test.parquet"}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function {TASK}.visual
doc_to_text: !function {TASK}.text
doc_to_target: answer
process_results: !function {TASK}.process
generation_kwargs: {{max_new_tokens: 4, temperature: 0, do_sample: false}}
metric_list: [{{metric: right, aggregation: mean, higher_is_better: true}}]
""")
    (folder / f"{TASK}.py").write_text(
        "def visual(doc):\n    return [doc['image'].convert('RGB')]\n"
        "def text(doc, *_):\n    return doc['question']\n"
        "def process(doc, results):\n    return {'right': float(results[0].strip() == doc['answer'])}\n"
    )


def _pictures() -> list[tuple[str, Image.Image]]:
    rng = np.random.default_rng(0)
    found: list[tuple[str, Image.Image]] = []
    for colour, rgb in COLOURS.items():
        pixels = rng.integers(0, 25, (32, 32, 3))
        pixels[6:26, 6:26] = np.array(rgb) + rng.integers(-20, 20, (20, 20, 3))
        found.append((colour, Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))))
    return found


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _with_defaults(spec: TrainerSpec, **defaults: str) -> TrainerSpec:
    changed = {
        name: Option.model_validate(spec.options[name].model_dump() | {"default": value})
        for name, value in defaults.items()
    }
    return spec.model_copy(update={"options": spec.options | changed})
