"""What encoder checks share: the tiny encoder as core runs it, photographs of chance, their inputs and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from PIL import Image

from visionlaw.features.geometry import Geometry
from visionlaw.features.runtime import Runtime, place
from visionlaw.protocols import Encoder, ModuleEncoder
from visionlaw.specs import EncoderSpec
from visionlaw.testing.subjects import Subject

SIZES = ((320, 240), (150, 260), (256, 256))
"""Width and height of the images, in pixels: wider, taller and as wide as high."""


@dataclass(eq=False)
class Bench:
    """One encoder under test.

    Attributes:
        subject: Whose it is.
    """

    subject: Subject

    @property
    def spec(self) -> EncoderSpec:
        """The spec of the tiny instance."""
        return cast("EncoderSpec", self.subject.tiny)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder as core runs it: on the CPU, in float32, its module in evaluation mode and frozen."""
        return place(self.subject.instance, Runtime(device="cpu"))

    @property
    def module(self) -> torch.nn.Module | None:
        """The encoder's weights, where it shows them."""
        raw = self.subject.instance
        return raw.module if isinstance(raw, ModuleEncoder) else None

    @cached_property
    def images(self) -> list[Image.Image]:
        """Three images of other shapes and contents, the same in every run."""
        return [photograph(size, seed) for seed, size in enumerate(SIZES)]

    @cached_property
    def inputs(self) -> torch.Tensor:
        """Their inputs ``[3, 3, S, S]``."""
        return self.batch(self.images)

    @cached_property
    def tokens(self) -> torch.Tensor:
        """Their tokens ``[3, n, C]``."""
        return self.encode(self.inputs)

    def batch(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Return the inputs ``[B, 3, S, S]`` of images."""
        return torch.stack([self.encoder.preprocess(image)[0] for image in images])

    def geometry(self, image: Image.Image) -> Geometry:
        """Return where an image's tokens are."""
        return self.encoder.preprocess(image)[1]

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the tokens of inputs, which stay as they are, in float32 and without gradients."""
        return tokens_of(self.encoder, batch)


def bench_of(subject: Subject) -> Bench:
    """Return the bench of an encoder, the same for all its checks."""
    return subject.shared("bench", lambda: Bench(subject))


def tokens_of(encoder: Encoder, batch: torch.Tensor) -> torch.Tensor:
    """Return a copy of the tokens of a copy of inputs, in float32 and without gradients."""
    with torch.no_grad():
        return encoder.encode(batch.clone()).detach().to(torch.float32, copy=True)


def photograph(size: tuple[int, int], seed: int) -> Image.Image:
    """Return an RGB image of a size (W, H): colours that change slowly over it, with fine grain."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = random.integers(-24, 25, smooth.shape, dtype=np.int16)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return how far tokens are from others, as a share of their own length; infinite where shapes differ."""
    if one.shape != other.shape:
        return float("inf")
    scale = float(np.linalg.norm(other.numpy()))
    gap = float(np.linalg.norm((one - other).numpy()))
    return gap / scale if scale else gap
