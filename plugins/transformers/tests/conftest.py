"""Tiny random checkpoints of every architecture, saved as the library saves them, and the encoders they load as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target, resolve_name
from visionlaw.testing import random_module
from visionlaw_transformers.tiny import SIZE, TEXT_SIZE, TOKENS

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Case:
    """An architecture: its id, how many special tokens come first, and, for ``hf/``, a random model of it."""

    id: str
    special: int
    build: Callable[[], Any] | None = None


def size() -> dict[str, Any]:
    return SIZE | {"image_size": 64, "patch_size": 16}


CASES = {
    "clip": Case("clip/vit-b-32@224", 1),
    "siglip": Case("siglip/base-16@224", 0),
    "siglip2": Case("siglip2/base-32@256", 0),
    "dinov2": Case("dinov2/small@70", 1),
    "dinov2-reg": Case("dinov2/small-reg@70", 5),
    "dinov3": Case("dinov3/small@80", 5),
    "vit": Case("hf/tiny/vit@64", 1, lambda: transformers.ViTModel(transformers.ViTConfig(**size()))),
    "deit": Case("hf/tiny/deit@64", 2, lambda: transformers.DeiTModel(transformers.DeiTConfig(**size()))),
    "data2vec": Case(
        "hf/tiny/data2vec@64",
        1,
        lambda: transformers.Data2VecVisionModel(
            transformers.Data2VecVisionConfig(**size(), use_relative_position_bias=True)
        ),
    ),
    "hf-clip": Case(
        "hf/tiny/clip@64",
        1,
        lambda: transformers.CLIPModel(transformers.CLIPConfig(vision_config=size(), text_config=TEXT_SIZE | TOKENS)),
    ),
}


@dataclass(frozen=True)
class Loaded:
    """A checkpoint in two forms: as the library runs it, and as visionlaw does."""

    case: Case
    folder: Path
    spec: EncoderSpec
    model: Any

    def encoder(self, **options: Any) -> Any:
        return load_target(self.spec, "visionlaw-transformers", options)

    def images(self, count: int = 2) -> torch.Tensor:
        side = self.spec.resolution
        return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))

    @torch.inference_mode()
    def hidden_states(self, images: torch.Tensor, **arguments: Any) -> tuple[torch.Tensor, ...]:
        """The patch tokens of the embeddings and of all blocks, and last those of the last hidden state."""
        output = self.model(pixel_values=images, output_hidden_states=True, **arguments)
        states = (*output.hidden_states[:-1], output.last_hidden_state)
        return tuple(state[:, self.case.special :] for state in states)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()


def hub_folder(hub: Path, repository: str, commit: str = COMMIT) -> Path:
    """Make room for a repository in a hub cache, as the hub's client lays it out."""
    base = hub / f"models--{repository.replace('/', '--')}"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(commit)
    folder = base / "snapshots" / commit
    folder.mkdir(parents=True)
    return folder


def save_processor(folder: Path) -> None:
    transformers.ViTImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6]).save_pretrained(folder)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.discover()


@pytest.fixture(scope="session")
def hub_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(autouse=True)
def hub(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache of our own, in every test; nothing may be fetched."""
    monkeypatch.setenv("HF_HUB_CACHE", str(hub_cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return hub_cache


@pytest.fixture(scope="session")
def load(hub_cache: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """Return a function that makes the checkpoint of an architecture, once."""
    made: dict[str, Loaded] = {}

    def make(name: str) -> Loaded:
        case = CASES[name]
        if case.build is None:
            folder = tmp_path_factory.mktemp(name)
            published = registry.encoder_spec(case.id)
            spec = resolve_name(str(published.tiny), "tiny factory", published, "visionlaw-transformers")(
                published, folder
            )
        else:
            folder = hub_folder(hub_cache, case.id.removeprefix("hf/").partition("@")[0])
            save_processor(folder)
            random_module(case.build).save_pretrained(folder)
            spec = registry.encoder_spec(case.id)
        model = transformers.AutoModel.from_pretrained(folder)
        return Loaded(case, folder, spec, getattr(model, "vision_model", model))

    return lambda name: made[name] if name in made else made.setdefault(name, make(name))


@pytest.fixture(params=CASES)
def loaded(request: pytest.FixtureRequest, load: Callable[[str], Loaded]) -> Loaded:
    return load(request.param)
