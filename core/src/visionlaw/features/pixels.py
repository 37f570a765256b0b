"""Pixels of any mode, depth and container to 8-bit RGB, the one form in which images enter an encoder.

What is not RGB yet is converted where that can be done in one way only; values whose range nobody can
guess are refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from visionlaw.errors import DataError

_DEPTHS = "Save it with 8 or 16 bits per channel."


def to_rgb(image: Image.Image, name: str | None = None) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB; transparency is laid on white, 16-bit grey is scaled.

    Args:
        image: Comes back itself if it is RGB.
        name: Names the image in errors.

    Raises:
        DataError: The image holds floating-point values or integers beyond 16 bits, whose range nobody can guess, or
            colours that Pillow cannot convert, such as Lab.
    """
    what = "The image" if name is None else f"'{name}'"
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise DataError(f"{what} holds floating-point values.", _DEPTHS)
    if image.mode.startswith("I"):
        return Image.fromarray(_grey_levels(image, what)).convert("RGB")
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    try:
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
        return image.convert("RGB")
    except ValueError as error:
        raise DataError(f"{what} has colours of mode {image.mode}, not convertible.", "Save it as RGB.") from error


def to_eight_bits(levels: NDArray[np.uint16], top: int = 65535) -> NDArray[np.uint8]:
    """Scale levels of 0–``top`` to the nearest of 0–255."""
    return ((levels.astype(np.uint32) * 510 + top) // (2 * top)).astype(np.uint8)


def _grey_levels(image: Image.Image, what: str) -> NDArray[np.uint8]:
    """Return 8-bit levels ``[H, W]`` of grey with more than 8 bits, which Pillow would cut off at 255."""
    levels = np.asarray(image)
    if image.mode == "I" and (image.format == "TIFF" or levels.min() < 0 or levels.max() > 65535):
        raise DataError(f"{what} holds integers beyond 16 bits.", _DEPTHS)
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(ExifTags.Base.BitsPerSample, (16,))[0]
    grey = to_eight_bits(levels.astype(np.uint16), 2**bits - 1)
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # white is zero, which Pillow minds up to 8 bits only
        grey = 255 - grey
    clear = image.info.get("transparency")
    return grey if clear is None else np.where(levels == clear, np.uint8(255), grey)
