"""Tiny random pipelines of every family, saved as the real ones are, and specs that describe them."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.specs import EncoderSpec
from visionlaw_diffusers import dit, sd, sd3, sdxl

SIDE = 64
LISTED = {spec.id: spec for module in (sd, sdxl, dit, sd3) for spec in module.visionlaw_encoders()}
PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "configs" / "published.json").read_text())


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def listed() -> dict[str, EncoderSpec]:
    """The specs as the plugin lists them."""
    return LISTED


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    """The configurations of the published checkpoints, as far as shapes depend on them."""
    return PUBLISHED


@dataclass(frozen=True)
class Tiny:
    """A tiny pipeline's folder and the spec of an encoder that reads it."""

    spec: EncoderSpec
    folder: Path

    def build(self, **options: Any) -> Any:
        """Load the encoder with the options of an id."""
        return pkgutil.resolve_name(self.spec.target)(self.spec, **options)


# Three levels instead of four, and a VAE that halves an image once.
UNET: dict[str, Any] = {
    "patch": 4,
    "variants": {f"block={i}": {"patch": p, "channels": 1} for i, p in enumerate((4, 2, 2))},
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "sd": ("sd/1.5@768", UNET),
    "variations": ("sd/variations@768", UNET),
    "sdxl": ("sdxl/base@512", UNET),
    "dit": ("dit/xl-2@512", {"patch": 8}),
    "sd3": ("sd3/medium@512", {"patch": 8}),
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tiny]:
    """Return a function that makes the tiny pipeline of a family, once."""
    made: dict[str, Tiny] = {}

    def make(family: str) -> Tiny:
        if family not in made:
            listed_as, tokens = FAMILIES[family]
            name = listed_as.partition("@")[0]
            facts = (
                LISTED[listed_as].model_dump(exclude={"grid"}) | tokens | {"id": f"{name}@{SIDE}", "resolution": SIDE}
            )
            spec = EncoderSpec.model_validate(facts)
            folder = tmp_path_factory.mktemp(family)
            made[family] = Tiny(pkgutil.resolve_name(str(spec.tiny))(spec, folder), folder)
        return made[family]

    return make


def picture(seed: int = 0) -> Image.Image:
    """A coarse random picture, 80×48."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((80, 48), Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def pictures() -> Callable[[int], list[Image.Image]]:
    return lambda count: [picture(seed) for seed in range(count)]
