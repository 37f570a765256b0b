"""A page: what is drawn on it, and where each thing is.

Positions on a page count from its top-left *corner*, in pixels; what becomes of them in the image is said by
:mod:`visionlaw_textpairs.camera`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from PIL import Image, ImageDraw

from visionlaw_textpairs.fonts import Box, Face, glyph, pens

Colour = tuple[int, int, int]
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mark:
    """Where a thing is.

    Attributes:
        thing: What it is; marks of the same thing may stand in for each other.
        point: (x, y) of the keypoint.
        box: Left, top, right and bottom edge of what is drawn.
        unit: ``word`` for words, cells, fields, ticks and bars; ``glyph`` for characters.
    """

    thing: str
    point: tuple[float, float]
    box: Rectangle
    unit: str = "word"


@dataclass(frozen=True)
class Sheet:
    """A page that is laid out.

    Attributes:
        size: (W, H) in pixels.
        read: Returns where everything is.
        paint: Draws it as RGB.
    """

    size: tuple[int, int]
    read: Callable[[], tuple[Mark, ...]]
    paint: Callable[[], Image.Image]

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Where everything is; read on first use."""
        return self.read()


@dataclass(frozen=True)
class Stroke:
    """A line, or a rectangle with or without filling."""

    box: Box
    fill: Colour | None
    outline: Colour | None
    thickness: int = 1


@dataclass(frozen=True)
class Letter:
    """A glyph with its pen at a whole pixel of the baseline."""

    face: Face
    size: int
    character: str
    pen: tuple[int, int]
    colour: Colour


@dataclass
class Page:
    """A page that is being laid out: a list of what to draw, and of marks."""

    size: tuple[int, int]
    paper: Colour
    drawn: list[Stroke | Letter] = field(default_factory=list["Stroke | Letter"])
    marks: list[Mark] = field(default_factory=list[Mark])

    def rectangle(
        self, box: Rectangle, fill: Colour | None = None, outline: Colour | None = None, thickness: int = 1
    ) -> None:
        """Draw a rectangle, its edges at whole pixels."""
        left, top, right, bottom = (round(edge) for edge in box)
        self.drawn.append(Stroke((left, top, right, bottom), fill, outline, thickness))

    def mark(self, thing: str, box: Rectangle) -> None:
        """Note a thing whose keypoint is the centre of its box."""
        left, top, right, bottom = (round(edge) for edge in box)
        self.marks.append(Mark(thing, ((left + right) / 2, (top + bottom) / 2), (left, top, right, bottom)))

    def text(self, face: Face, size: int, pen: tuple[float, float], text: str, colour: Colour, *, end: str = "") -> Box:
        """Draw a word with its pen at a position on the baseline, and note it and its characters.

        Args:
            face: The font.
            size: Pixels per em.
            pen: (x, y), rounded to whole pixels.
            text: The word.
            colour: The ink's.
            end: Punctuation after it, no part of the word.

        Returns:
            The box of the word's ink.
        """
        x, y = round(pen[0]), round(pen[1])
        boxes: list[Box] = []
        for index, (character, advance) in enumerate(zip(text + end, pens(face, size, text + end), strict=False)):
            self.drawn.append(Letter(face, size, character, (x + advance, y), colour))
            left, top, right, bottom = glyph(face, size, character).box
            if index < len(text):
                boxes.append((left + x + advance, top + y, right + x + advance, bottom + y))
        self.marks += note_word(text, boxes)
        return around(boxes)

    def finish(self) -> Sheet:
        """Return the page as it is."""
        size, paper, drawn, marks = self.size, self.paper, tuple(self.drawn), tuple(self.marks)
        return Sheet(size, lambda: marks, lambda: paint(size, paper, drawn))


def note_word(text: str, boxes: list[Box] | list[Rectangle]) -> list[Mark]:
    """Return the marks of a word and of its characters, whose boxes are given.

    A word is the same word wherever it has the same characters, capital or small; a character the same character only
    at the same place of the same word.
    """
    word = text.casefold()
    parts = [(f"word {word}", around(boxes), "word")]
    parts += [(f"glyph {index} of {word}", box, "glyph") for index, box in enumerate(boxes)]
    return [Mark(thing, ((b[0] + b[2]) / 2, (b[1] + b[3]) / 2), b, unit) for thing, b, unit in parts]


def around(boxes: list[Box] | list[Rectangle]) -> Box:
    """Return the smallest box that holds all."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return (min(left), min(top), max(right), max(bottom))  # pyright: ignore[reportReturnType]


def paint(size: tuple[int, int], paper: Colour, drawn: tuple[Stroke | Letter, ...]) -> Image.Image:
    """Draw strokes and letters, in their order, on paper of one colour."""
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    for item in drawn:
        if isinstance(item, Stroke):
            left, top, right, bottom = item.box
            last = (left, top, max(left, right - 1), max(top, bottom - 1))  # Pillow draws the last pixel too
            draw.rectangle(last, fill=item.fill, outline=item.outline, width=item.thickness)
        else:
            shape = glyph(item.face, item.size, item.character)
            if shape.mask is not None:
                corner = (item.pen[0] + shape.box[0], item.pen[1] + shape.box[1])
                image.paste(
                    item.colour, (*corner, corner[0] + shape.mask.width, corner[1] + shape.mask.height), shape.mask
                )
    return image
