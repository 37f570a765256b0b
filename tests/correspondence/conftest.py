from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import EncoderRef, ImageRef, Pair
from visionlaw.specs import EncoderSpec


@dataclass
class Toy:
    """An encoder: each patch of the input becomes ``tokens(patches [B, h·w, 3·p·p])``."""

    spec: EncoderSpec
    tokens: Callable[[torch.Tensor], torch.Tensor]
    encoded: list[int] = field(default_factory=list)

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, Geometry]:
        return prepare(image, self.spec.resolution, self.spec.patch, resize=self.spec.resize)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.encoded.append(len(batch))
        patch = self.spec.patch
        return self.tokens(torch.nn.functional.unfold(batch, patch, stride=patch).transpose(1, 2))

    @property
    def ref(self) -> EncoderRef:
        return EncoderRef(self.spec.id, self.spec, load=lambda: self)


def one_hot(patches: torch.Tensor) -> torch.Tensor:
    """The oracle's tokens: each cell has a channel of its own."""
    return torch.eye(patches.shape[1]).expand(len(patches), -1, -1)


@dataclass
class Pairs:
    """A data set in memory."""

    pairs: Sequence[Pair]
    version: str = "toy-1"

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)


def photo(seed: int, size: tuple[int, int] = (90, 70)) -> ImageRef:
    """A smooth random image."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    return ImageRef(f"{seed}-{size}", lambda: Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def pair(number: int, source: ImageRef, target: ImageRef, points: Any, truth: Any, **more: Any) -> Pair:
    as_points = [np.asarray(p, dtype=np.float64).reshape(-1, 2) for p in (points, truth)]
    return Pair(f"pair-{number}", source, target, *as_points, **{"size": 60.0, "category": "cat", **more})


class Kit:
    """What the tests build their little worlds from."""

    Pairs = Pairs
    photo = staticmethod(photo)
    pair = staticmethod(pair)

    @staticmethod
    def encoder(name: str, tokens: Any = None, resolution: int = 64, patch: int = 8, resize: str = "squash") -> Toy:
        """A toy encoder; without ``tokens``, a random projection of the patches that its name seeds."""
        if tokens is None:
            generator = torch.Generator().manual_seed(sum(map(ord, name)))
            projection = torch.randn(3 * patch * patch, 24, generator=generator)
            tokens = lambda patches: torch.tanh((patches - 0.5) @ projection)  # noqa: E731
        channels = tokens(torch.zeros(1, (resolution // patch) ** 2, 3 * patch * patch)).shape[-1]
        spec = EncoderSpec(
            id=f"toy/{name}@{resolution}",
            target="toy:build",
            resolution=resolution,
            patch=patch,
            resize=resize,
            channels=channels,
        )
        return Toy(spec, tokens)

    @classmethod
    def oracle(cls, resize: str = "squash", resolution: int = 64, patch: int = 8) -> Toy:
        return cls.encoder("oracle", one_hot, resolution, patch, resize)

    @classmethod
    def world(cls, count: int = 6, seed: int = 0) -> Pairs:
        """Pairs between neighbouring photographs, with random points, of two categories."""
        rng = np.random.default_rng(seed)
        pairs = []
        for number in range(count):
            points = rng.uniform(0, (89, 69), (5, 2))
            source, target = photo(number), photo(number + 1)
            category = "cat" if number % 3 else "dog"
            pairs.append(pair(number, source, target, points, points + rng.normal(0, 9, (5, 2)), category=category))
        return Pairs(pairs)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit
