"""A small world that scorers are checked in: encoders of random but fixed weights, drawn images, pairs, captions.

The encoders go through the whole of core's machinery: their geometry is real, their tokens depend on what an image
shows, and each knows which inputs it has encoded.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from PIL import Image

from visionlaw.arrays import FloatArray
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.preprocess import Resize, prepare
from visionlaw.protocols import EncoderRef, ImageRef, Pair
from visionlaw.specs import EncoderSpec

SIDE = 64
CELLS = 2
"""Mean colours per side that a patch is seen as."""
SIZES = ((70, 50), (64, 64), (50, 90))
COLOURS, THINGS, DEEDS = ("red", "blue", "green", "grey"), ("dog", "cat", "bird"), ("sits", "sleeps")
WORDS = ("a", *COLOURS, *THINGS, *DEEDS)


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


def picture(seed: int) -> ImageRef:
    """Return a drawn image of one of three sizes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    size = SIZES[seed % len(SIZES)]
    return ImageRef(
        hashlib.sha256(pixels.tobytes()).hexdigest(),
        lambda: Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC),
    )


def caption(number: int) -> str:
    """Return a caption, another one for each of the first 24."""
    colour, rest = COLOURS[number % 4], number // 4
    return f"a {colour} {THINGS[rest % 3]} {DEEDS[rest // 3 % 2]}"


@dataclass(frozen=True)
class SyntheticPairs:
    """Pairs of images that have nothing in common but names for positions.

    Attributes:
        pairs: In order.
    """

    pairs: Sequence[Pair]
    version: str = "kit-1"

    @classmethod
    def draw(cls, count: int, images: int, seed: int = 0) -> SyntheticPairs:
        """Draw pairs of a few images, each of which comes again, with four keypoints."""
        rng = np.random.default_rng(seed)
        return cls([_pair(number, images, images * seed, rng) for number in range(count)])

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs in order."""
        return iter(self.pairs)


def _pair(number: int, images: int, first: int, rng: np.random.Generator) -> Pair:
    source, target = first + number % images, first + (number + 1 + number // images) % images
    return Pair(
        f"pair-{number}",
        picture(source),
        picture(target),
        _points(rng, SIZES[source % len(SIZES)]),
        _points(rng, SIZES[target % len(SIZES)]),
        size=float(max(SIZES[target % len(SIZES)])),
        category=("one", "other")[number % 2],
        attributes={"number": number % 3},
    )


def _points(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    return rng.random((4, 2)) * (np.array(size) - 1)


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
