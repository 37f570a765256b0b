from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import EncoderRef, ImageRef
from visionlaw.specs import EncoderSpec


@dataclass
class PatchMean:
    """Tokens are the mean colours of 16×16 patches of a 64 px square; counts the images it has encoded."""

    encoded: list[int] = field(default_factory=list)
    loads: int = 0

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, Geometry]:
        return prepare(image, 64, 16)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.encoded.append(len(batch))
        cells = batch.reshape(len(batch), 3, 4, 16, 4, 16).mean((3, 5))
        return cells.flatten(2).transpose(1, 2)

    def ref(self, version: str = "1") -> EncoderRef:
        def load() -> PatchMean:
            self.loads += 1
            return self

        spec = EncoderSpec(id="toy/mean@64", target="toy:mean", resolution=64, patch=16, channels=3)
        return EncoderRef(spec.id, spec, {"distribution": "toy", "version": version}, load=load)


def toy_image(seed: int) -> ImageRef:
    pixels = np.random.default_rng(seed).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    return ImageRef(hashlib.sha256(pixels.tobytes()).hexdigest(), lambda: Image.fromarray(pixels))


@pytest.fixture
def encoder() -> PatchMean:
    return PatchMean()


@pytest.fixture
def images() -> Callable[[int], list[ImageRef]]:
    return lambda count: [toy_image(seed) for seed in range(count)]
