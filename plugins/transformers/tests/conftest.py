"""Tiny random checkpoints of every architecture, saved as the library saves them, and the encoders they load as."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHANNELS = 32
BLOCKS = 4


@dataclass(frozen=True)
class Case:
    """An architecture: its id, how many special tokens come first, and a random model of it."""

    id: str
    special: int
    build: Callable[[], Any]
    tower: Callable[[Any], Any] = lambda model: model


def size(**more: Any) -> dict[str, Any]:
    depth = {"num_hidden_layers": BLOCKS, "num_attention_heads": 4}
    return {"hidden_size": CHANNELS, "intermediate_size": 48, **depth, **more}


TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 60}
TEXT |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def dual(config: Any, model: Any, **vision: Any) -> Any:
    return model(config(vision_config=size(**vision), text_config=dict(TEXT)))


def of_dual(model: Any) -> Any:
    return model.vision_model


CASES = {
    "clip": Case(
        "clip/vit-b-32@224",
        1,
        lambda: dual(transformers.CLIPConfig, transformers.CLIPModel, image_size=224, patch_size=32),
        of_dual,
    ),
    "siglip": Case(
        "siglip/base-16@224",
        0,
        lambda: dual(transformers.SiglipConfig, transformers.SiglipModel, image_size=224, patch_size=16),
        of_dual,
    ),
    "siglip2": Case(
        "siglip2/base-32@256",
        0,
        lambda: dual(transformers.SiglipConfig, transformers.SiglipModel, image_size=256, patch_size=32),
        of_dual,
    ),
    "dinov2": Case(
        "dinov2/small@70",
        1,
        lambda: transformers.Dinov2Model(transformers.Dinov2Config(**size(image_size=518, patch_size=14))),
    ),
    "dinov2-reg": Case(
        "dinov2/small-reg@70",
        5,
        lambda: transformers.Dinov2WithRegistersModel(
            transformers.Dinov2WithRegistersConfig(**size(image_size=518, patch_size=14, num_register_tokens=4))
        ),
    ),
    "dinov3": Case(
        "dinov3/small@80",
        5,
        lambda: transformers.DINOv3ViTModel(
            transformers.DINOv3ViTConfig(**size(image_size=224, patch_size=16, num_register_tokens=4))
        ),
    ),
    "vit": Case(
        "hf/tiny/vit@64", 1, lambda: transformers.ViTModel(transformers.ViTConfig(**size(image_size=64, patch_size=16)))
    ),
    "deit": Case(
        "hf/tiny/deit@64",
        2,
        lambda: transformers.DeiTModel(transformers.DeiTConfig(**size(image_size=64, patch_size=16))),
    ),
    "data2vec": Case(
        "hf/tiny/data2vec@64",
        1,
        lambda: transformers.Data2VecVisionModel(
            transformers.Data2VecVisionConfig(**size(image_size=64, patch_size=16, use_relative_position_bias=True))
        ),
    ),
    "hf-clip": Case(
        "hf/tiny/clip@64",
        1,
        lambda: dual(transformers.CLIPConfig, transformers.CLIPModel, image_size=64, patch_size=16),
        of_dual,
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


def randomise(model: Any) -> Any:
    """Give every weight a random value, also those that begin as zero or one, such as norms, tokens and scales."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


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
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A hub cache of its own, for the whole session."""
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_CACHE", str(folder))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield folder


@pytest.fixture(scope="session")
def load(hub: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """Return a function that makes the checkpoint of an architecture, once."""
    made: dict[str, Loaded] = {}

    def make(name: str) -> Loaded:
        case = CASES[name]
        model = randomise(case.build())
        if case.id.startswith("hf/"):
            folder = hub_folder(hub, case.id.removeprefix("hf/").partition("@")[0])
            save_processor(folder)
            model.save_pretrained(folder)
            spec = registry.encoder_spec(case.id)
        else:
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            # The published width would make the files large; everything else is the published spec.
            published = registry.encoder_spec(case.id)
            spec = published.model_copy(update={"channels": CHANNELS, "checkpoint": str(folder), "revision": None})
        return Loaded(case, folder, spec, case.tower(model))

    return lambda name: made[name] if name in made else made.setdefault(name, make(name))


@pytest.fixture(params=CASES)
def loaded(request: pytest.FixtureRequest, load: Callable[[str], Loaded]) -> Loaded:
    return load(request.param)
