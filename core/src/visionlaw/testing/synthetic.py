"""Encoders of random but fixed weights, which scorers and combiners are checked with, and a store of their features.

The encoders go through the whole of core's machinery: their geometry is real, their tokens depend on what an image
shows, and each knows which inputs it has encoded.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from PIL import Image

from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.preprocess import Resize, prepare
from visionlaw.protocols import EncoderRef
from visionlaw.specs import EncoderSpec
from visionlaw.testing.drawn import picture

SIDE = 64
CELLS = 2
"""Mean colours per side that a patch is seen as."""


@dataclass(eq=False)
class SyntheticEncoder:
    """Tokens are a fixed random function of their patch.

    Attributes:
        name: Its id is ``kit/<name>@64``.
        patch: In pixels.
        channels: C.
        factor: What all tokens are multiplied by.
        resize: How an image becomes square.
        encoded: How often each input was encoded, by digest.
    """

    name: str
    patch: int
    channels: int
    factor: float = 1.0
    resize: Resize = "squash"
    encoded: Counter[str] = field(default_factory=Counter[str])

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, Geometry]:
        """Bring an image to 64 px."""
        return prepare(image, SIDE, self.patch, resize=self.resize)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Return tokens ``[B, h·w, C]``, and note which inputs they are of."""
        self.encoded.update(hashlib.sha256(one.numpy().tobytes()).hexdigest() for one in batch)
        side = SIDE // self.patch
        colours = torch.nn.functional.adaptive_avg_pool2d(batch - 0.5, side * CELLS)
        patches = torch.nn.functional.unfold(colours, CELLS, stride=CELLS).transpose(1, 2)
        generator = torch.Generator().manual_seed(sum(self.name.encode()))
        return torch.tanh(4 * patches @ torch.randn(3 * CELLS**2, self.channels, generator=generator)) * self.factor

    @property
    def ref(self) -> EncoderRef:
        """How representations name it."""
        spec = EncoderSpec(
            id=f"kit/{self.name}@{SIDE}",
            target=f"{__name__}:{type(self).__name__}",
            resolution=SIDE,
            patch=self.patch,
            channels=self.channels,
            resize=self.resize,
        )
        provenance = {"distribution": "visionlaw", "version": "kit", "revision": "1" * 40}
        return EncoderRef(spec.id, spec, provenance, load=lambda: self)


def encoders(factor: float = 1.0) -> dict[str, SyntheticEncoder]:
    """Return three encoders: two of 4×4 tokens, one of 2×2."""
    made = (
        SyntheticEncoder("a", 16, 5, factor),
        SyntheticEncoder("b", 16, 7, factor),
        SyntheticEncoder("c", 32, 6, factor),
    )
    return {encoder.name: encoder for encoder in made}


def feature_map(name: str, image: int, resize: Resize = "squash") -> FeatureMap:
    """Return the features of a drawn image by one of the encoders."""
    encoder = replace(encoders()[name], resize=resize)
    pixels, geometry = encoder.preprocess(picture(image).load())
    return FeatureMap(encoder.encode(pixels[None])[0], geometry)


class MemoryStore:
    """Keeps feature maps in memory, hands out the very same ones, and knows when somebody has written into them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[FeatureMap, torch.Tensor]] = {}

    def get(self, encoder: EncoderRef, image: str) -> FeatureMap | None:
        """Return what was kept."""
        found = self._kept.get((encoder.id, image))
        return None if found is None else found[0]

    def put(self, encoder: EncoderRef, features: Mapping[str, FeatureMap]) -> None:
        """Keep features, with a copy of their tokens."""
        for key, one in features.items():
            self._kept[encoder.id, key] = one, one.tokens.clone()

    def claim(self, encoder: EncoderRef, images: Sequence[str]) -> frozenset[str]:
        """Nobody else is there."""
        return frozenset(images)

    def release(self, encoder: EncoderRef, images: Sequence[str]) -> None:
        """Nobody waits."""

    def changed(self) -> list[str]:
        """Return the encoders into whose feature maps somebody has written."""
        return sorted({name for (name, _), (one, copy) in self._kept.items() if not torch.equal(one.tokens, copy)})
