"""The sizes of the images, which no annotation tells: read from the files' headers."""

from __future__ import annotations

from pathlib import Path

from PIL import ExifTags, Image

from visionlaw.errors import DataError

Extent = tuple[int, int]
FORMATS = ("JPEG", "PNG")
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


def read_extent(path: Path) -> Extent:
    """Read (W, H) of an image, upright, from its header.

    Raises:
        DataError: It is neither JPEG nor PNG, or is damaged; the message does not name it.
    """
    if not path.is_file():
        raise DataError("It is not a file.")
    try:
        with Image.open(path, formats=FORMATS) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation)
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError("It is not a JPEG or PNG image, or it is damaged.") from error
    return (height, width) if orientation in _SIDEWAYS else (width, height)
