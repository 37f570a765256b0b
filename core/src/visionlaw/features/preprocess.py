"""From an image to an encoder's square input, together with the geometry of its tokens.

Pillow does the resizing: its bicubic filter is antialiased, is what the processors of CLIP, SigLIP, DINOv2 and timm
were evaluated with, follows the half-pixel convention of :mod:`visionlaw.features.geometry`, and releases the
interpreter lock, so that images are prepared in threads while the encoder computes. Its shortcuts (``draft``,
``reducing_gap``) change pixels, and are not taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from visionlaw.features.geometry import Geometry
from visionlaw.features.pixels import to_rgb

Resize = Literal["squash", "letterbox", "crop"]

HALF = (0.5, 0.5, 0.5)
"""Mean and standard deviation of ``mode=reference``, whose input is (x/255 − 0.5)·2 whatever the encoder's own."""


def prepare(
    image: Image.Image,
    resolution: int,
    patch: int,
    stride: int | None = None,
    resize: Resize = "squash",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> tuple[torch.Tensor, Geometry]:
    """Turn an image into the input of an encoder and the map between its pixels and the encoder's tokens.

    Args:
        image: Any mode; converted to RGB.
        resolution: Side S of the input, in pixels.
        patch: Side of the input that one token covers, in pixels.
        stride: Distance of neighbouring tokens, in pixels; None: ``patch``.
        resize: ``squash`` stretches the image to the square; ``letterbox`` keeps its shape and pads the
            shorter side with the mean colour (mid-grey without ``mean``); ``crop`` keeps its shape and cuts
            the longer one.
        mean: Per channel, subtracted from values in 0–1.
        std: Per channel, divided by after the mean is subtracted.

    Returns:
        The input, ``[3, S, S]`` float32, in 0–1 when ``mean`` and ``std`` are None; and the geometry, exact
        for half-pixel centres whatever the image's size.

    Raises:
        DataError: The image holds floating-point values, as :func:`visionlaw.features.pixels.to_rgb`.
    """
    stride = stride or patch
    side = (resolution - patch) // stride + 1
    pixels, resized, shift = _RESIZERS[resize](to_rgb(image), resolution, HALF if mean is None else mean)
    geometry = Geometry.of_resize(image.size, resized, shift, patch, stride, (side, side))
    return _normalise(pixels, mean, std), geometry


Resized = tuple[Image.Image, tuple[float, float], tuple[float, float]]


def _squash(image: Image.Image, resolution: int, fill: Sequence[float]) -> Resized:
    size = (resolution, resolution)
    return image.resize(size, Image.Resampling.BICUBIC), size, (0, 0)


def _letterbox(image: Image.Image, resolution: int, fill: Sequence[float]) -> Resized:
    zoom = resolution / max(image.size)
    # Whole pixels on both axes; the geometry takes the ratio that results, so rounding costs no accuracy.
    width, height = (max(1, round(length * zoom)) for length in image.size)
    left, top = (resolution - width) // 2, (resolution - height) // 2
    canvas = Image.new("RGB", (resolution, resolution), _colour(fill))
    canvas.paste(image.resize((width, height), Image.Resampling.BICUBIC), (left, top))
    return canvas, (width, height), (left, top)


def _crop(image: Image.Image, resolution: int, fill: Sequence[float]) -> Resized:
    shorter = min(image.size)
    zoom = resolution / shorter
    left, top = ((length - shorter) / 2 for length in image.size)
    # Resizing a box gives the same pixels as resizing all and cutting, without a huge image on the way.
    box = (left, top, left + shorter, top + shorter)
    square = image.resize((resolution, resolution), Image.Resampling.BICUBIC, box=box)
    width, height = image.size
    return square, (width * zoom, height * zoom), (-left * zoom, -top * zoom)


_RESIZERS = {"squash": _squash, "letterbox": _letterbox, "crop": _crop}


def _colour(fill: Sequence[float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in fill)
    return red, green, blue


def _normalise(pixels: Image.Image, mean: Sequence[float] | None, std: Sequence[float] | None) -> torch.Tensor:
    tables = _tables(_key(mean), _key(std))
    width, height = pixels.size
    values = np.empty((3, height, width), dtype=np.float32)
    for band, table, channel in zip(pixels.split(), tables, values, strict=True):
        np.take(table, np.asarray(band), out=channel, mode="clip")  # "clip" writes into `out` without a buffer
    return torch.from_numpy(values)  # pyright: ignore[reportUnknownMemberType]


def _key(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)


@lru_cache(maxsize=64)
def _tables(mean: tuple[float, ...] | None, std: tuple[float, ...] | None) -> NDArray[np.float32]:
    """Return what each of 256 levels becomes, ``[3, 256]``: computed in double precision, so rounded only once."""
    levels = np.tile(np.arange(256) / 255, (3, 1))
    if mean is not None:
        levels -= np.array(mean)[:, None]
    if std is not None:
        levels /= np.array(std)[:, None]
    return levels.astype(np.float32)
