"""Which image formats are read, and which are recognised so that a refusal can say what a file is."""

from __future__ import annotations

FORMATS = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg"),
    "PNG": (".apng", ".png"),
    "PPM": (".pbm", ".pgm", ".pnm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""What is read, by Pillow's names: formats that it decodes the same way wherever it is installed."""

SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)

FOREIGN_SUFFIXES = frozenset({".avif", ".heic", ".heif", ".jp2", ".jxl", ".svg"})
"""Images that are not read: where a folder is listed they are named instead of passed over in silence."""

_BOXES = {b"avi": "an AVIF", b"hei": "a HEIC", b"hev": "a HEIC", b"mif": "a HEIF"}
_STARTS = {
    b"\0\0\0\x0cJXL ": "a JPEG XL image, which is not supported",
    b"\xff\x0a": "a JPEG XL image, which is not supported",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image, which is not supported",
    b"8BPS": "a Photoshop document, not an image",
    b"%PDF": "a PDF document, not an image",
    b"%!PS": "a PostScript document, not an image",
    b"PK\x03\x04": "a ZIP archive, not an image",
    b"\x1f\x8b": "a gzip archive, not an image",
    b"version https://git-lfs": "a Git LFS pointer, not the image that it stands for",
}


def is_image_name(name: str) -> bool:
    """Whether a file's name ends like an image's, one of ``FOREIGN_SUFFIXES`` included, and is not a hidden file's."""
    base = name.rpartition("/")[2]
    return not base.startswith(".") and suffix_of(base) in SUFFIXES | FOREIGN_SUFFIXES


def suffix_of(name: str) -> str:
    """Return the last suffix of a name in lower case, with its dot; empty where there is none."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def recognise(content: bytes) -> str | None:
    """Say what content is that is not one of ``FORMATS``, from its first bytes; None where that is not known either."""
    if content[4:8] == b"ftyp":
        image = _BOXES.get(content[8:11])
        return f"{image} image, which is not supported" if image else "a video, not an image"
    for start, what in _STARTS.items():
        if content.startswith(start):
            return what
    text = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image"
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in text:
        return "an SVG drawing, which is not supported"
    return None
