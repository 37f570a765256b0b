"""Loading images safely: bounded before they are decoded, upright, always 8-bit RGB.

Files come from users and from scraped data sets, so every way in which one can be bad ends in one sentence
that names it. The size is read from the header and refused before a pixel is decoded: a few kilobytes of
PNG can claim gigabytes. Pillow goes by a file's content, whatever its name, and would give PostScript to Ghostscript:
only the formats of ``FORMATS`` are tried.

Colour profiles (ICC) are left aside, as the published preprocessing of every encoder does.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from visionlaw.errors import DataError
from visionlaw.features.formats import FORMATS, SUFFIXES, recognise
from visionlaw.features.pixels import to_rgb
from visionlaw.protocols import ImageRef

MAX_PIXELS = 80_000_000
MAX_SIDE = 32_768
MAX_BYTES = 2**30

_KIND_BYTES = 1024  # all that formats.recognise looks at
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
_SIDEWAYS = frozenset({5, 6, 7, 8})
# warnings.catch_warnings swaps process-wide state, and images are opened by several threads.
_QUIET = threading.Lock()


def load_image(path: str | Path) -> Image.Image:
    """Load an image file as upright 8-bit RGB.

    EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled, of an animation the
    first frame is taken.

    Args:
        path: The file.

    Raises:
        DataError: As :func:`read_image` and :func:`decode_image`.
    """
    return decode_image(read_image(path), str(path))


def read_image(path: str | Path) -> bytes:
    """Read the bytes of an image file.

    Raises:
        DataError: The file is missing, a folder, a broken link, a pipe or a device, empty, unreadable, or larger than
            ``MAX_BYTES``.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_bytes(size, str(path))
        try:
            return file.read(size)  # not what is added meanwhile
        except OSError as error:
            raise DataError(f"'{path}' cannot be read: {_sentence(error)}", _RESAVE) from error


def encoded_ref(content: bytes, name: str) -> ImageRef:
    """Refer to an encoded image whose bytes are at hand, by their SHA-256 digest; it is decoded when it is loaded.

    Args:
        content: The bytes of an image file.
        name: Names the image where it is bad.
    """
    return ImageRef(f"sha256:{hashlib.sha256(content).hexdigest()}", partial(decode_image, content, name))


def image_ref(path: str | Path) -> ImageRef:
    """Refer to an image file by the SHA-256 digest of its bytes; it is read again when it is loaded.

    Raises:
        DataError: As :func:`read_image`.
    """
    with open_file(path) as file:
        try:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"'{path}' cannot be read: {_sentence(error)}", _RESAVE) from error
    return ImageRef(f"sha256:{digest}", partial(load_image, Path(path).absolute()))


def decode_image(content: bytes, name: str) -> Image.Image:
    """Decode the bytes of an image file to upright 8-bit RGB, as :func:`load_image`.

    Args:
        content: The bytes of an image file.
        name: Names the image where it is bad.

    Raises:
        DataError: The content is empty, not of a format in ``FORMATS``, truncated or otherwise broken, of values
            whose range nobody can guess, or has more than ``MAX_PIXELS`` pixels or ``MAX_SIDE`` pixels on a side.
    """
    check_bytes(len(content), name)
    with _open(content, name) as image:
        return upright_rgb(image, name)


def check_file(path: str | Path) -> None:
    """Check that a file has the header of an image that is loaded; one cut off behind its header has.

    Raises:
        DataError: The file cannot be opened, is not of a format in ``FORMATS``, or has more pixels than are loaded.
    """
    with open_file(path) as file:
        check_bytes(os.fstat(file.fileno()).st_size, str(path))
        with _open(file, str(path)) as image:
            _check_size(str(path), image.size)


def image_size(path: str | Path) -> tuple[int, int]:
    """Read the size (W, H) of an image file, upright as :func:`load_image` returns it, from its header alone.

    A file that is cut off behind its header has a size too. A PNG is decoded: how it is turned may stand behind its
    pixels.

    Raises:
        DataError: The file cannot be opened, is not of a format in ``FORMATS``, or has more pixels than are loaded.
    """
    with open_file(path) as file:
        check_bytes(os.fstat(file.fileno()).st_size, str(path))
        with _open(file, str(path)) as image:
            _check_size(str(path), image.size)
            width, height = image.size
            return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def check_encoded(content: bytes, name: str) -> None:
    """Check that encoded content has the header of an image that is loaded; one cut off behind its header has.

    Raises:
        DataError: It is empty, not of a format in ``FORMATS``, or has more pixels than are loaded.
    """
    check_bytes(len(content), name)
    with _open(content, name) as image:
        _check_size(name, image.size)


def upright_rgb(image: Image.Image, name: str) -> Image.Image:
    """Turn an image, decoded or only opened, upright as its EXIF orientation says, and to 8-bit RGB.

    Raises:
        DataError: As :func:`decode_image`.
    """
    _check_size(name, image.size)
    try:
        # Pillow reads the metadata of TIFF again while it decodes, and warns of what it finds there.
        with _quiet() if image.format == "TIFF" else nullcontext():
            image.load()
        orientation = _orientation(image)
        rgb = to_rgb(image, name)
    except (MemoryError, DataError):
        raise
    except Exception as error:  # decoders raise anything on broken bytes
        raise DataError(f"'{name}' is truncated or broken: {_sentence(error)}", _RESAVE) from error
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


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


def open_file(path: str | Path) -> io.BufferedReader:
    """Open a regular file to be read; whatever else bears its name is neither opened nor waited for.

    Raises:
        DataError: The file is missing, a folder, a broken link, a pipe or a device, empty, or unreadable.
    """
    try:
        status = os.stat(path)  # noqa: PTH116  Path.is_dir() and its like hide why
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"'{path}' is a folder, not a file.", "Give the file itself.")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"'{path}' is not a regular file.", "Give a file.")
        if status.st_size == 0:
            raise _empty(path)
        return Path(path).open("rb")
    except OSError as error:
        raise _unopened(path, error) from error
    except ValueError as error:  # a name with a zero byte in it
        raise DataError(f"There can be no file '{path!s}': {_sentence(error)}", "Check its path.") from error


def check_bytes(size: int, name: str) -> None:
    """Check that encoded content of this size can be an image that is read at once.

    Raises:
        DataError: It is empty or larger than ``MAX_BYTES``.
    """
    if size == 0:
        raise _empty(name)
    if size > MAX_BYTES:
        raise DataError(f"'{name}' is larger than {MAX_BYTES // 2**20:,} MiB.", _RESAVE)


def _empty(name: str | Path) -> DataError:
    return DataError(f"'{name}' is empty (0 bytes).", _RESAVE)


def _unopened(path: str | Path, error: OSError) -> DataError:
    if error.errno == errno.ELOOP:
        return DataError(f"'{path}' is a link that leads back to itself.", _RESAVE)
    if isinstance(error, FileNotFoundError) and Path(path).is_symlink():
        return DataError(f"'{path}' is a link to a file that does not exist.", _RESAVE)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return DataError(f"'{path}' does not exist.", "Check its path.")
    return DataError(f"'{path}' cannot be read: {_sentence(error)}", "Check its permissions.")


@contextmanager
def _quiet() -> Generator[None]:
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(content: bytes | io.BufferedReader, name: str) -> Image.Image:
    """Read the header only."""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        with _quiet():
            return Image.open(file, formats=tuple(FORMATS))
    except UnidentifiedImageError:
        file.seek(0)
        kind = recognise(file.read(_KIND_BYTES))
        what = kind or "not an image of a known format"
        raise DataError(f"'{name}' is {what}.", f"Save it as one of {', '.join(FORMATS)}.") from None
    except Image.DecompressionBombError:
        raise _too_large(name, "far too many") from None
    except Exception as error:  # decoders raise anything on broken bytes
        raise DataError(f"'{name}' cannot be read: {_sentence(error)}", _RESAVE) from error


def _check_size(name: str, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise _too_large(name, f"{width:,} × {height:,}")


def _too_large(name: str, extent: str) -> DataError:
    return DataError(
        f"The image '{name}' has {extent} pixels.",
        f"Reduce it to at most {MAX_SIDE:,} on a side and {MAX_PIXELS // 1_000_000} million in all.",
    )


def _orientation(image: Image.Image) -> int | None:
    """Read the EXIF orientation; broken EXIF is common, spoils no pixel, and counts as none."""
    try:
        with _quiet():
            return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001
        return None


def _sentence(error: BaseException) -> str:
    """One line of an exception's text, ending in a full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".") + "."
