"""From a function that describes one image to an encoder that visionlaw can use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec

Pixels = NDArray[np.float32]  # [S, S, 3], values in 0–1
Tokens = NDArray[np.float32]  # [h·w, C]


class DenseEncoder:
    """An encoder whose tokens are a function of one image at a time: a :class:`visionlaw.protocols.Encoder`.

    Args:
        spec: Resolution, patch and resize mode.
        describe: Maps pixels ``[S, S, 3]`` in 0–1 to tokens ``[h·w, C]``, row-major.
    """

    def __init__(self, spec: EncoderSpec, describe: Callable[[Pixels], Tokens]) -> None:
        self._spec = spec
        self._describe = describe

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize an image to ``[3, S, S]``, values in 0–1, with the geometry of its tokens."""
        spec = self._spec
        return prepare(image, spec.resolution, spec.patch, spec.stride, spec.resize)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode ``[B, 3, S, S]`` into ``[B, h·w, C]`` float32, on the batch's device.

        Images are described one by one, so that what shares a batch cannot change a token.
        """
        images = batch.detach().cpu().to(torch.float32).permute(0, 2, 3, 1).contiguous().numpy()
        tokens = [torch.from_numpy(np.ascontiguousarray(self._describe(image), np.float32)) for image in images]
        return torch.stack(tokens).to(batch.device)
