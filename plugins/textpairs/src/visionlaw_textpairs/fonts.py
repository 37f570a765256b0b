"""The fonts: which there are, which has the characters of a script, and their glyphs as bitmaps with exact boxes.

Those of matplotlib's wheel are the same bytes on every machine with that version. Text is laid out by Pillow's basic
engine, a character at a time and at whole pixels: no shaping library takes part, and each glyph's place is known.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from visionlaw.errors import MissingDependencyError
from visionlaw_textpairs.words import alphabet

MISSING = "\U0010fffd"  # a private character that no font has: it shows the glyph for missing ones
STYLES = ("regular", "bold", "italic", "bold italic")


@dataclass(frozen=True)
class Face:
    """One font file.

    Attributes:
        family: The name of its family.
        style: One of ``STYLES``.
        path: The file.
        digest: SHA-256 of the file.
    """

    family: str
    style: str
    path: str
    digest: str


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Glyph:
    """A character's bitmap.

    Attributes:
        mask: Its coverage, 8 bit, cut to what is inked; None for a blank.
        box: Left, top, right and bottom edge of the mask, in whole pixels from the pen on the baseline, y downwards.
    """

    mask: Image.Image | None
    box: Box


# Family: files in the order of STYLES; a family need not have all.
PACKAGED = {
    "DejaVu Sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    "DejaVu Serif": ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    "DejaVu Sans Mono": (
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "DejaVuSansMono-BoldOblique",
    ),
    "STIX": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    "Computer Modern Roman": ("cmr10", "cmb10", "cmti10"),
    "Computer Modern Sans": ("cmss10",),
    "Computer Modern Typewriter": ("cmtt10",),
}

_FOUR = ("Regular", "Bold", "Italic", "BoldItalic")
SYSTEM = {
    "Liberation Sans": tuple(f"LiberationSans-{style}" for style in _FOUR),
    "Liberation Serif": tuple(f"LiberationSerif-{style}" for style in _FOUR),
    "Liberation Mono": tuple(f"LiberationMono-{style}" for style in _FOUR),
    "Noto Sans": tuple(f"NotoSans-{style}" for style in _FOUR),
    "Noto Serif": tuple(f"NotoSerif-{style}" for style in _FOUR),
    "Noto Sans Mono": ("NotoSansMono-Regular", "NotoSansMono-Bold"),
    "Noto Sans Armenian": ("NotoSansArmenian-Regular", "NotoSansArmenian-Bold"),
    "Noto Serif Armenian": ("NotoSerifArmenian-Regular", "NotoSerifArmenian-Bold"),
    "Noto Sans Georgian": ("NotoSansGeorgian-Regular", "NotoSansGeorgian-Bold"),
    "Noto Serif Georgian": ("NotoSerifGeorgian-Regular", "NotoSerifGeorgian-Bold"),
    "FreeSans": ("FreeSans", "FreeSansBold", "FreeSansOblique", "FreeSansBoldOblique"),
    "FreeSerif": ("FreeSerif", "FreeSerifBold", "FreeSerifItalic", "FreeSerifBoldItalic"),
    "FreeMono": ("FreeMono", "FreeMonoBold", "FreeMonoOblique", "FreeMonoBoldOblique"),
    "Lato": tuple(f"Lato-{style}" for style in _FOUR),
    "Open Sans": tuple(f"OpenSans-{style}" for style in _FOUR),
}


def find_faces(fonts: str, script: str) -> tuple[Face, ...]:
    """Return the fonts that have all characters of a script, in a fixed order.

    Args:
        fonts: ``package``: those of matplotlib's wheel; ``system``: also the free ones of ``SYSTEM`` that are found.
        script: One of :data:`visionlaw_textpairs.plugin.SCRIPTS`.

    Raises:
        MissingDependencyError: matplotlib is not installed; or ``system``, and none is found.
    """
    faces = _packaged() + (_system() if fonts == "system" else ())
    return tuple(face for face in faces if _covers(face, script))


@lru_cache
def _packaged() -> tuple[Face, ...]:
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise MissingDependencyError(
            "textpairs draws with the fonts of matplotlib, which is not installed.",
            "python -m pip install matplotlib",
        )
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return tuple(_faces(PACKAGED, {path.stem: path for path in folder.glob("*.ttf")}))


def _system() -> tuple[Face, ...]:
    wanted = {name for names in SYSTEM.values() for name in names}
    found: dict[str, Path] = {}
    for folder in _font_folders():
        for path in sorted(folder.rglob("*.[to]tf")):
            if path.stem in wanted:
                found.setdefault(path.stem, path)
    faces = tuple(_faces(SYSTEM, found))
    if not faces:
        raise MissingDependencyError(
            "fonts=system, and no free font that textpairs knows is found on this system.",
            "Install some, such as Debian's fonts-liberation or fonts-noto-core, or leave fonts= out.",
        )
    return faces


def _font_folders() -> Iterator[Path]:
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    shared = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    yield from (Path(folder) / "fonts" for folder in (home, *shared) if Path(folder).is_absolute())
    yield from (Path("/Library/Fonts"), Path("/System/Library/Fonts"), Path("C:/Windows/Fonts"))


def _faces(families: dict[str, tuple[str, ...]], files: dict[str, Path]) -> Iterator[Face]:
    for family, names in families.items():
        for style, name in zip(STYLES, names, strict=False):
            if name in files:
                digest = hashlib.sha256(files[name].read_bytes()).hexdigest()
                yield Face(family, style, str(files[name]), digest)


@lru_cache(maxsize=512)
def _covers(face: Face, script: str) -> bool:
    missing = _draw(face, 20, MISSING).tobytes()
    return all(_draw(face, 20, character).tobytes() != missing for character in sorted(alphabet(script)))


_LOADED = threading.local()  # FreeType's faces must not be used by two threads at once


def _load(face: Face, size: int) -> ImageFont.FreeTypeFont:
    fonts: dict[tuple[Face, int], ImageFont.FreeTypeFont] = _LOADED.__dict__.setdefault("fonts", {})
    key = (face, size)
    if key not in fonts:
        if len(fonts) >= 256:  # each holds a file open
            fonts.clear()
        fonts[key] = ImageFont.truetype(face.path, size, layout_engine=ImageFont.Layout.BASIC)
    return fonts[key]


@lru_cache(maxsize=8192)
def glyph(face: Face, size: int, character: str) -> Glyph:
    """Return the bitmap of a character at a size in pixels per em."""
    drawn = _draw(face, size, character)
    inked = drawn.getbbox()
    if inked is None:
        return Glyph(None, (0, 0, 0, 0))
    left, top, right, bottom = (edge - 2 * size for edge in inked)
    return Glyph(drawn.crop(inked), (left, top, right, bottom))


def _draw(face: Face, size: int, character: str) -> Image.Image:
    """Draw a character with its pen two ems from the left and the top of an image that no glyph reaches the edge of."""
    image = Image.new("L", (5 * size, 4 * size))
    ImageDraw.Draw(image).text((2 * size, 2 * size), character, fill=255, font=_load(face, size), anchor="ls")
    return image


@lru_cache(maxsize=8192)
def pens(face: Face, size: int, text: str) -> tuple[int, ...]:
    """Return where the pen is before each character and after the last, kerning included, in whole pixels."""
    font = _load(face, size)
    before = (font.getlength(text[: i + 1]) - _advance(face, size, text[i]) for i in range(len(text)))
    return (*(round(x) for x in before), width(face, size, text))


@lru_cache(maxsize=16384)
def width(face: Face, size: int, text: str) -> int:
    """Return how far a text moves the pen, in pixels."""
    return round(_load(face, size).getlength(text))


@lru_cache(maxsize=8192)
def _advance(face: Face, size: int, character: str) -> float:
    return _load(face, size).getlength(character)
