"""The pairs: one content, drawn twice."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image, features

from visionlaw.errors import DataError, did_you_mean
from visionlaw.protocols import ImageRef, Instances, Pair
from visionlaw.specs import DatasetSpec
from visionlaw_textpairs.camera import Camera, draw_camera
from visionlaw_textpairs.charts import draw_chart
from visionlaw_textpairs.dice import SOURCE, TARGET, Dice
from visionlaw_textpairs.fonts import Face, find_faces
from visionlaw_textpairs.forms import draw_form
from visionlaw_textpairs.look import LONGER_SIDE, draw_look
from visionlaw_textpairs.page import Mark, Sheet
from visionlaw_textpairs.paragraphs import draw_paragraphs
from visionlaw_textpairs.plugin import FONTS, KINDS, MIXED, SCRIPTS, SIZES, UNITS
from visionlaw_textpairs.scattered import draw_words
from visionlaw_textpairs.tables import draw_table

GENERATOR = 1  # Counts up whenever the same options would no longer give the same bytes.
MOST_PAIRS = 100_000
MOST = 20

FLOOR = {"word": LONGER_SIDE * 3 / 8, "glyph": LONGER_SIDE * 3 / 16}
"""The least ``size``, in target pixels, unless ``size=box``: a 16×16 grid then has a token near enough to almost every
word at α = 0.1, and a 32×32 grid to almost every character."""

DRAW = {
    "words": draw_words,
    "paragraphs": draw_paragraphs,
    "tables": draw_table,
    "charts": draw_chart,
    "forms": draw_form,
}


@dataclass(frozen=True)
class Drawing:
    """Everything that the images of a data set depend on.

    Attributes:
        seed: Of everything random.
        level: Difficulty, 0 to 3.
        kind: One of :data:`visionlaw_textpairs.plugin.KINDS`, or ``mixed``.
        script: One of :data:`visionlaw_textpairs.plugin.SCRIPTS`, or ``mixed``.
        fonts: ``package`` or ``system``.
    """

    seed: int
    level: float
    kind: str
    script: str
    fonts: str

    @cached_property
    def version(self) -> str:
        """Generator, options, fonts, and the libraries that draw."""
        digest = hashlib.sha256()
        for script, faces in self._faces.items():
            for face in faces:
                digest.update(f"{script} {face.family} {face.style} {face.digest}\n".encode())
        libraries = ",".join(f"{name}={metadata.version(name)}" for name in ("matplotlib", "numpy", "pillow"))
        options = f"seed={self.seed};level={self.level:g};kind={self.kind};script={self.script};fonts={self.fonts}"
        freetype = features.version("freetype2")
        return f"textpairs-{GENERATOR};{options}:{digest.hexdigest()[:16]};{libraries},freetype={freetype}"

    def faces(self, script: str) -> tuple[Face, ...]:
        """Return the fonts that a script is drawn with."""
        return self._faces[script]

    @cached_property
    def _faces(self) -> dict[str, tuple[Face, ...]]:
        return {
            script: find_faces(self.fonts, script) for script in (SCRIPTS if self.script == MIXED else (self.script,))
        }

    def kind_of(self, number: int) -> str:
        """Return what a pair shows; all kinds in turn where they are mixed."""
        return KINDS[number % len(KINDS)] if self.kind == MIXED else self.kind

    def script_of(self, number: int) -> str:
        """Return the script of a pair."""
        if self.script != MIXED:
            return self.script
        return SCRIPTS[int(Dice(self.seed, number, self.level, SOURCE).content("script").integers(len(SCRIPTS)))]

    def sheet(self, number: int, side: int) -> tuple[Sheet, Camera]:
        """Lay an image of a pair out: the page, and how it is photographed."""
        return _lay_out(self.version, self, number, side)

    def image(self, number: int, side: int) -> Image.Image:
        """Draw an image of a pair."""
        sheet, camera = self.sheet(number, side)
        return camera.photograph(sheet.paint())


# A pair's truth is mostly asked for just before its images; more of them are not worth their memory.
@lru_cache(maxsize=4)
def _lay_out(_version: str, drawing: Drawing, number: int, side: int) -> tuple[Sheet, Camera]:
    """Lay a page out. The version tells fonts apart that a drawing found at different times."""
    dice = Dice(drawing.seed, number, drawing.level, side)
    script = drawing.script_of(number)
    faces = drawing.faces(script)
    look = draw_look(dice, faces)
    sheet = DRAW[drawing.kind_of(number)](dice, look, faces, script)
    return sheet, draw_camera(dice, sheet.size)


class TextPairs:
    """Pages drawn twice, a :class:`visionlaw.protocols.CorrespondenceDataset`.

    A pair depends on the drawing's options and its number alone. Up to 20 things that both images show are its
    keypoints. A thing that the target shows several times is right at any of its places. ``size`` is the longer side of
    the thing's box in the target, or ``FLOOR`` where that is more and ``size=floored``.
    """

    def __init__(self, drawing: Drawing, pairs: int, unit: str, size: str) -> None:
        self._drawing = drawing
        self._pairs = pairs
        self._unit = unit
        self._size = size

    @property
    def version(self) -> str:
        """Generator, options, fonts, and the libraries that draw."""
        return f"{self._drawing.version};pairs={self._pairs};unit={self._unit};size={self._size}"

    def __len__(self) -> int:
        """Count the pairs."""
        return self._pairs

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs; images are drawn when they are loaded."""
        for number in range(self._pairs):
            yield self._pair(number)

    def _pair(self, number: int) -> Pair:
        drawing = self._drawing
        (page, camera), (other, lens) = (drawing.sheet(number, side) for side in (SOURCE, TARGET))
        here, there = _things(page.marks, self._unit), _things(other.marks, self._unit)
        shared = sorted(here.keys() & there.keys())
        rng = np.random.default_rng([drawing.seed, number])
        chosen = [shared[index] for index in np.sort(rng.permutation(len(shared))[:MOST])]
        shown = [here[thing][int(rng.integers(len(here[thing])))] for thing in chosen]
        first = [there[thing][0] for thing in chosen]
        more = [(index, mark) for index, thing in enumerate(chosen) for mark in there[thing][1:]]
        kind, script = drawing.kind_of(number), drawing.script_of(number)
        return Pair(
            id=f"{kind}:{number:05d}",
            source=self._ref(number, SOURCE),
            target=self._ref(number, TARGET),
            source_points=camera.see([mark.point for mark in shown]),
            target_points=lens.see([mark.point for mark in first]),
            size=self._sizes(lens, first),
            category=kind,
            attributes={"kind": kind, "level": drawing.level, "script": script, "unit": self._unit},
            instances=Instances(
                np.array([index for index, _ in more], dtype=np.int64),
                lens.see([mark.point for _, mark in more]),
                self._sizes(lens, [mark for _, mark in more]),
            )
            if more
            else None,
        )

    def _sizes(self, camera: Camera, marks: Sequence[Mark]) -> np.ndarray:
        least = FLOOR[self._unit] if self._size == "floored" else 0.0
        return np.array([max(camera.length(mark), least) for mark in marks])

    def _ref(self, number: int, side: int) -> ImageRef:
        recipe = f"{self._drawing.version};{number};{side}"
        return ImageRef(hashlib.sha256(recipe.encode()).hexdigest(), partial(self._drawing.image, number, side))


def _things(marks: tuple[Mark, ...], unit: str) -> dict[str, list[Mark]]:
    found: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        if mark.unit == unit:
            found[mark.thing].append(mark)
    return dict(found)


def build(
    spec: DatasetSpec,
    root: Path | None = None,
    pairs: int = 60,
    seed: int = 0,
    level: float = 1.0,
    kind: str = MIXED,
    script: str = "latin",
    unit: str = "word",
    size: str = "floored",
    fonts: str = "package",
) -> TextPairs:
    """Return the data set ``textpairs``.

    Args:
        spec: The spec that names this function.
        root: Not used: nothing is read.
        pairs: How many pairs, 1 to 100,000.
        seed: Seed of everything random, 0 or more.
        level: Difficulty, 0 to 3.
        kind: What the images show, or ``mixed``.
        script: The script of the words, or ``mixed``.
        unit: ``word`` or ``glyph``.
        size: ``floored`` or ``box``.
        fonts: ``package`` or ``system``.

    Raises:
        DataError: An option is out of range, or a folder is given.
        MissingDependencyError: matplotlib is not installed, or ``fonts=system`` finds none.
    """
    if root is not None:
        raise DataError("textpairs is generated and reads no folder.", "Leave the folder out.")
    if not 1 <= pairs <= MOST_PAIRS:
        raise DataError(f"The option pairs={pairs} is out of range.", f"Ask for 1 to {MOST_PAIRS:,} pairs.")
    if seed < 0:
        raise DataError(f"The option seed={seed} is out of range.", "Use 0 or a positive whole number.")
    if not (math.isfinite(level) and 0 <= level <= 3):
        raise DataError(f"The option level={level:g} is out of range.", "Use a number from 0 to 3.")
    given = {"kind": kind, "script": script, "unit": unit, "size": size, "fonts": fonts}
    known = {"kind": (MIXED, *KINDS), "script": (*SCRIPTS, MIXED), "unit": UNITS, "size": SIZES, "fonts": FONTS}
    for name, value in given.items():
        if value not in known[name]:
            remedy = did_you_mean(value, known[name]) or f"There is: {', '.join(known[name])}."
            raise DataError(f"The option {name}={value} is not one that exists.", remedy)
    return TextPairs(Drawing(seed, float(level), kind, script, fonts), pairs, unit, size)
