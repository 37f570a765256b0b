"""Tokens of a vision transformer: of its last hidden state, or of any block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image
from torch import nn

from visionlaw.errors import InvalidIdError
from visionlaw.features.early_exit import read_outputs
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec

LAST = -1


@dataclass(frozen=True)
class Tower:
    """A loaded vision transformer and where its tokens are.

    Attributes:
        spec: Resolution, patch and resize mode.
        module: The network.
        blocks: Its blocks, in order.
        start: Index of the first patch token.
        arguments: Of the forward pass, beside the images.
        mean: Subtracted from pixels in 0–1; None: nothing.
        std: Divided by afterwards; None: nothing.
    """

    spec: EncoderSpec
    module: nn.Module
    blocks: Sequence[nn.Module]
    start: int
    arguments: Mapping[str, Any]
    mean: Sequence[float] | None
    std: Sequence[float] | None

    def forward(self, batch: torch.Tensor) -> Any:
        """Run the network as its library does."""
        return self.module(pixel_values=batch, **self.arguments)

    def index(self, layer: int) -> int:
        """Return the block of a layer, counted from the first; :data:`LAST` for the last hidden state.

        Raises:
            InvalidIdError: There is no such block.
        """
        count = len(self.blocks)
        if not -count <= layer < count:
            raise InvalidIdError(
                f"'{self.spec.id}' has {count} blocks, and none that is layer {layer}.",
                f"Take one of {-count} to {count - 1}.",
            )
        return LAST if layer in (-1, count - 1) else layer % count

    def read(self, batch: torch.Tensor, indices: Sequence[int]) -> list[torch.Tensor]:
        """Return the patch tokens ``[B, h·w, C]`` of blocks, running no block after the last one."""
        inner = sorted({index for index in indices if index != LAST})
        modules = [self.blocks[index] for index in inner]
        if LAST not in indices:
            outputs = dict(zip(inner, read_outputs(modules, lambda: self.forward(batch)), strict=True))
        elif inner:
            *found, whole = read_outputs([*modules, self.module], lambda: self.forward(batch))
            outputs = dict(zip(inner, found, strict=True)) | {LAST: whole.last_hidden_state}
        else:
            outputs = {LAST: self.forward(batch).last_hidden_state}
        return [self._patches(outputs[index]) for index in indices]

    def _patches(self, output: Any) -> torch.Tensor:
        tokens: torch.Tensor = output[0] if isinstance(output, tuple) else output
        h, w = self.spec.grid
        return tokens[:, self.start : self.start + h * w]


class TowerEncoder:
    """An encoder that reads one layer of a tower: a :class:`visionlaw.protocols.ModuleEncoder`.

    Args:
        tower: What is read.
        layer: Which of its layers, counted as Python counts.

    Raises:
        InvalidIdError: There is no such layer.
    """

    def __init__(self, tower: Tower, layer: int) -> None:
        self.tower = tower
        self.module = tower.module
        self._index = tower.index(layer)

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize and normalise an image: ``[3, S, S]``, and the geometry of its tokens."""
        spec = self.tower.spec
        return prepare(
            image, spec.resolution, spec.patch, spec.stride, spec.resize, mean=self.tower.mean, std=self.tower.std
        )

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode ``[B, 3, S, S]`` into ``[B, h·w, C]``, row-major, without special tokens."""
        return self.tower.read(batch, [self._index])[0]


class LayeredTowerEncoder(TowerEncoder):
    """The same for a tower of which several layers may be wanted: a :class:`visionlaw.protocols.LayeredEncoder`."""

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Encode ``[B, 3, S, S]`` in one pass; return the tokens of each layer, in the order asked for.

        Raises:
            InvalidIdError: There is no such layer.
        """
        return self.tower.read(batch, [self.tower.index(layer) for layer in layers])
