"""From a spec to an encoder: a vision tower of OpenCLIP, read at a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL.Image import Image
from torch import nn

from visionlaw.errors import InvalidIdError
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec
from visionlaw_openclip.checkpoint import Checkpoint, load
from visionlaw_openclip.tower import to_tokens

_HALF = (0.5, 0.5, 0.5)


class OpenClipEncoder:
    """A vision tower as a :class:`visionlaw.protocols.LayeredEncoder`.

    Args:
        spec: Resolution, patch and resize mode, as the layer changes them.
        checkpoint: The tower and its normalisation.
        layer: The block or stage that :meth:`encode` reads.

    Raises:
        InvalidIdError: There is no such layer.
    """

    def __init__(self, spec: EncoderSpec, checkpoint: Checkpoint, layer: int = -1) -> None:
        self._spec = spec
        self._checkpoint = checkpoint
        self._tower = checkpoint.tower
        self._layer = self._index(layer)
        self.module.eval().requires_grad_(False)

    @property
    def module(self) -> nn.Module:
        """All weights and buffers: those of the vision tower."""
        return self._tower.visual

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize an image to ``[3, S, S]`` and normalise it."""
        spec = self._spec
        mean, std = self._checkpoint.mean, self._checkpoint.std
        return prepare(image, spec.resolution, spec.patch, spec.stride, spec.resize, mean=mean, std=std)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode ``[B, 3, S, S]`` into ``[B, h·w, C]``; nothing after the layer is computed."""
        return to_tokens(self._tower.read(batch, [self._layer])[0])

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Encode ``[B, 3, S, S]`` once; return the tokens ``[B, h·w, C]`` of each layer, h, w and C its own.

        Raises:
            InvalidIdError: There is no such layer.
        """
        return [to_tokens(maps) for maps in self._tower.read(batch, [self._index(layer) for layer in layers])]

    def _index(self, layer: int) -> int:
        count = self._tower.count
        if not -count <= layer < count:
            raise InvalidIdError(
                f"'{self._spec.id}' has no layer {layer}: it has {count} blocks or stages.",
                f"Give ?layer= from {-count} to {count - 1}.",
            )
        return layer % count


def build(spec: EncoderSpec, layer: int = -1, mode: str = "strict") -> OpenClipEncoder:
    """Load the vision tower of a spec from its checkpoint's folder.

    Args:
        spec: As its options change it.
        layer: The block or stage that is read.
        mode: ``reference`` reads the last block but one, of input scaled to -1…1, as the publications' code does
            (PROTOCOLS §1).

    Raises:
        WeightsError: The folder lacks files, holds another model, or its weights do not fit it.
        InvalidIdError: There is no such layer, or the mode has a layer of its own.
    """
    if mode == "strict":
        return OpenClipEncoder(spec, load(spec), layer)
    if layer != -1:
        raise InvalidIdError(
            f"'{spec.id}' in mode=reference reads the last block but one; layer={layer} contradicts it.",
            "Give mode=reference or a layer, not both.",
        )
    return OpenClipEncoder(spec, replace(load(spec), mean=_HALF, std=_HALF), layer=-2)
