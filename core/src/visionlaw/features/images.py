"""Loading images safely: bounded before they are decoded, upright, always 8-bit RGB.

Files come from users and from scraped data sets, so every way in which one can be bad ends in one sentence
that names it. The size is read from the header and refused before a pixel is decoded: a few kilobytes of
PNG can claim gigabytes. Pillow goes by a file's content, whatever its name, and would give PostScript to Ghostscript:
only the formats of ``FORMATS`` are tried.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from visionlaw.errors import DataError
from visionlaw.protocols import ImageRef

MAX_PIXELS = 80_000_000
MAX_SIDE = 32_768
FORMATS = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jpeg", ".jpg"),
    "PNG": (".png",),
    "PPM": (".pgm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)

_RESAVE = "Replace the file, or take it out of the data set."
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# warnings.catch_warnings swaps process-wide state, and images are opened by several threads.
_OPENING = threading.Lock()


def load_image(path: str | Path) -> Image.Image:
    """Load an image file as upright 8-bit RGB.

    EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled, of an animation the
    first frame is taken.

    Args:
        path: The file.

    Raises:
        DataError: The file is missing, a folder, empty, not of a format in ``FORMATS``, truncated or otherwise
            broken, floating-point, or has more than ``MAX_PIXELS`` pixels or ``MAX_SIDE`` pixels on a side.
    """
    path = Path(path)
    _check_file(path)
    with _open(path) as image:
        _check_size(path, image.size)
        try:
            image.load()
            orientation = _orientation(image)
            rgb = to_rgb(image)
        except MemoryError:
            raise
        except DataError as error:
            raise DataError(f"'{path}' cannot be used: {error.message}", error.remedy) from None
        except Exception as error:  # decoders raise anything on broken bytes
            raise DataError(f"'{path}' is truncated or broken: {_sentence(error)}", _RESAVE) from error
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB; transparency is laid on white, 16-bit grey is scaled.

    Raises:
        DataError: The image holds floating-point values, whose range nobody can guess.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise DataError("It holds floating-point values.", "Save it with 8 or 16 bits per channel.")
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits to 8; 65535 / 257 = 255 exactly.
        levels = np.asarray(image).astype(np.float64) / 257
        return Image.fromarray(levels.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def list_images(folder: str | Path) -> list[Path]:
    """List the image files directly inside a folder, by suffix, sorted by name; hidden files are left out.

    Raises:
        DataError: The folder does not exist, cannot be read, is a file, or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataError(f"The image folder '{folder}' {what}.", "Give a folder of images.")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"The image folder '{folder}' cannot be read: {_sentence(error)}") from error
    images = [p for p in entries if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not images:
        known = " ".join(sorted(SUFFIXES))
        raise DataError(f"The image folder '{folder}' holds no image.", f"Known kinds are {known}.")
    return images


def image_ref(path: str | Path) -> ImageRef:
    """Refer to an image file by the SHA-256 digest of its bytes.

    Raises:
        DataError: The file is missing, a folder, empty or unreadable.
    """
    path = Path(path)
    _check_file(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {_sentence(error)}") from error
    return ImageRef(f"sha256:{digest}", partial(load_image, path.absolute()))


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"'{path}' is a folder, not an image.", "Give the file itself.")
    if not path.exists():
        raise DataError(f"The image '{path}' does not exist.", "Check its path.")
    if not path.is_file():
        raise DataError(f"'{path}' is not a regular file.", "Give an image file.")
    if path.stat().st_size == 0:
        raise DataError(f"The image '{path}' is empty (0 bytes).", _RESAVE)


def _open(path: Path) -> Image.Image:
    """Read the header only."""
    try:
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(path, formats=tuple(FORMATS))
    except UnidentifiedImageError:
        raise DataError(
            f"'{path}' is not an image of a known format.", f"Save it as one of {', '.join(FORMATS)}."
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path, "far too many") from None
    except Exception as error:  # decoders raise anything on broken bytes
        raise DataError(f"'{path}' cannot be read: {_sentence(error)}", _RESAVE) from error


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise _too_large(path, f"{width:,} × {height:,}")


def _too_large(path: Path, extent: str) -> DataError:
    return DataError(
        f"The image '{path}' has {extent} pixels.",
        f"Reduce it to at most {MAX_SIDE:,} on a side and {MAX_PIXELS // 1_000_000} million in all.",
    )


def _orientation(image: Image.Image) -> int | None:
    """Read the EXIF orientation; broken EXIF is common, spoils no pixel, and counts as none."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001
        return None


def _sentence(error: BaseException) -> str:
    """One line of an exception's text, ending in a full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".") + "."
