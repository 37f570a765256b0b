"""Images that are in memory already: Pillow's, arrays and tensors, keyed by their pixels.

An image gives the same key and the same pixels in whichever of these forms it is passed.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from functools import partial
from typing import Any, cast

import numpy as np
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.features.images import upright_rgb
from visionlaw.features.pixels import to_eight_bits
from visionlaw.features.sources.source import Source, printable
from visionlaw.protocols import ImageRef

Pixels = np.ndarray[Any, np.dtype[Any]]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Pillow decodes and reads metadata into the image itself; one image may be in the stream twice.
_STRIPES = tuple(threading.Lock() for _ in range(64))


def is_tensor(image: object) -> bool:
    """Whether this is a torch tensor; torch is not imported to know."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def is_pixels(image: object) -> bool:
    """Whether this is an image in memory: Pillow's, an array or a tensor."""
    return isinstance(image, (Image.Image, np.ndarray)) or is_tensor(image)


def copy_array(image: Any) -> Any:
    """Return a copy of an array or a tensor, anything else as it is."""
    if is_tensor(image):
        return image.clone()
    return cast("Any", image).copy() if isinstance(image, np.ndarray) else image


def pixels_source(name: str, image: Any) -> Source:
    """Return the source of an image in memory, which must not be changed before the source is opened.

    Args:
        name: Of the image.
        image: A Pillow image of any mode, upright by its EXIF orientation; an array ``[H, W]``, ``[H, W, 1]``,
            ``[H, W, 3]`` or ``[H, W, 4]``; or a tensor ``[1 | 3 | 4, H, W]`` or ``[H, W]``. Arrays and tensors hold
            bool, uint8, uint16, or floating-point values of 0–1.
    """
    name = printable(name)
    return Source(name, partial(_open_pixels, image, name))


def _open_pixels(image: Any, name: str) -> ImageRef:
    if isinstance(image, Image.Image):
        with _STRIPES[id(image) // 16 % len(_STRIPES)]:
            rgb = upright_rgb(image, name)
    else:
        levels = _tensor_levels(image, name) if is_tensor(image) else _array_levels(image, name)
        rgb = upright_rgb(_picture(levels), name)
    digest = hashlib.sha256(f"RGB {rgb.width} {rgb.height} ".encode())
    digest.update(rgb.tobytes())
    return ImageRef(f"pixels:{digest.hexdigest()}", partial(_given, rgb))


def _given(image: Image.Image) -> Image.Image:
    return image


def _picture(levels: Pixels) -> Image.Image:
    height, width, channels = levels.shape
    return Image.frombytes(_MODES[channels], (width, height), np.ascontiguousarray(levels).tobytes())


def _array_levels(array: Pixels, name: str) -> Pixels:
    """Return uint8 levels ``[H, W, 1 | 3 | 4]`` of an array."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in _MODES or 0 in array.shape:
        raise DataError(
            f"'{name}' is an array of shape {list(array.shape)}, not [H, W] or [H, W, 1, 3 or 4].",
            "Pass images one by one, with the channels last.",
        )
    return _levels(array, name)


def _tensor_levels(tensor: Any, name: str) -> Pixels:
    """Return uint8 levels ``[H, W, 1 | 3 | 4]`` of a torch tensor."""
    shape = list(tensor.shape)
    if tensor.ndim == 2:
        tensor = tensor[None]
    if tensor.ndim != 3 or tensor.shape[0] not in _MODES or 0 in shape:
        raise DataError(
            f"'{name}' is a tensor of shape {shape}, not [3, H, W].",
            "Pass images one by one, with the channels first.",
        )
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.float()  # numpy has no bfloat16
    return _levels(tensor.permute(1, 2, 0).numpy(), name)


def _levels(values: Pixels, name: str) -> Pixels:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return to_eight_bits(values)
    if values.dtype.kind != "f":
        raise DataError(f"'{name}' holds values of {values.dtype}.", "Pass uint8, uint16, or floats of 0–1.")
    low, high = float(values.min()), float(values.max())
    # What rounds to one of 256 levels is in range: arithmetic in low precision oversteps 0 and 1 a little.
    if not (low * 255 >= -0.5 and high * 255 <= 255.5):
        raise DataError(
            f"'{name}' holds floating-point values of {low:.4g} to {high:.4g}, not of 0–1.",
            "Scale it to 0–1 without normalising it, or pass uint8.",
        )
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
