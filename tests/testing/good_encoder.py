"""An encoder that passes every check, in the shape that faults are seeded into: one method, one thing wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from safetensors.torch import load_file, save_file

from visionlaw.errors import WeightsError
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec, Option, Variant, layer_option
from visionlaw.weights import weights_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WIDTHS = {0: 12, 1: 20}
"""Channels by block."""


class Net(torch.nn.Module):
    """Patches, two blocks that work on each token, and a glance at the mean of all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = torch.nn.Conv2d(3, WIDTHS[0], 16, stride=16)
        self.mix = torch.nn.Linear(WIDTHS[0], WIDTHS[1])
        self.norm = torch.nn.LayerNorm(WIDTHS[1])
        self.register_buffer("scale", torch.ones(1))

    def forward(self, batch: torch.Tensor) -> list[torch.Tensor]:
        first = self.patches(batch).flatten(2).transpose(1, 2) * self.scale
        second = self.norm(self.mix(first) + 0.1 * first.mean(dim=(1, 2), keepdim=True))
        return [first, second]


def tiny(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(Net().state_dict(), folder / "model.safetensors")
    return spec.model_copy(update={"checkpoint": str(folder)})


class Good:
    """The encoder; what it does is cut into methods that faults replace."""

    def __init__(self, spec: EncoderSpec, layer: int = -1, mode: str = "plain") -> None:
        self.spec = spec
        self.layer = layer
        self.module = self.build()

    def build(self) -> torch.nn.Module:
        folder = weights_folder(self.spec)
        net = Net()
        try:
            net.load_state_dict(load_file(folder / "model.safetensors"))
        except Exception as error:
            raise WeightsError(
                f"The weights of '{self.spec.id}' in '{folder}' cannot be read.", "Fetch them."
            ) from error
        return net

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        return prepare(image, resolution=self.spec.resolution, patch=self.spec.patch)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        return self.module(batch)[self.layer]

    def encode_layers(self, batch: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
        outputs = self.module(batch)
        return [outputs[layer] for layer in layers]


def good_spec(target: str = f"{__name__}:Good", **changes: Any) -> EncoderSpec:
    fields: dict[str, Any] = {
        "id": "faulty/net@96",
        "target": target,
        "tiny": f"{__name__}:tiny",
        "description": "Two blocks.",
        "checkpoint": "acme/net",
        "revision": COMMIT,
        "files": ("model.safetensors",),
        "license": "MIT",
        "resolution": 96,
        "patch": 16,
        "channels": WIDTHS[1],
        "options": {
            "layer": layer_option(),
            "mode": Option(type="str", default="plain", choices=("plain", "other"), description="How it is read."),
        },
        "variants": {"layer=0": Variant(channels=WIDTHS[0]), "layer=-2": Variant(channels=WIDTHS[0])},
    }
    return EncoderSpec(**fields | changes)
