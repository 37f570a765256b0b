"""Running text under a heading, in one or two columns, broken into lines anew in each image."""

from __future__ import annotations

from dataclasses import dataclass

from visionlaw_textpairs.dice import Dice
from visionlaw_textpairs.fitting import shrink_to_fit
from visionlaw_textpairs.fonts import Face, width
from visionlaw_textpairs.look import Look
from visionlaw_textpairs.page import Page, Sheet
from visionlaw_textpairs.words import WORDS, capital

LARGEST = 40
ALIGNMENTS = ("left", "left", "justified", "centred", "right")


@dataclass(frozen=True)
class _Setting:
    """How the text is set: the column's width, and the distances of words, lines and columns, in pixels."""

    size: int
    columns: int
    column: float
    space: float
    line: float


def draw_paragraphs(dice: Dice, look: Look, faces: tuple[Face, ...], script: str) -> Sheet:
    """Set a text; its words and their order are the same in both images, the lines are not."""
    text, title = _write(dice, script)
    columns = dice.choice("columns", (1, 1, 2) if dice.level >= 1 else (1,))
    leading = dice.uniform("leading", 1.3, 1.75)
    alignment = dice.choice("alignment", ALIGNMENTS)

    def draw(px: int) -> Page | None:
        inner = look.size[0] - 2 * look.margin
        column = (inner - (columns - 1) * 1.5 * px) / columns
        setting = _Setting(px, columns, column, max(2.0, width(look.body, px, "n") * 0.55), px * leading)
        return _set(look, setting, alignment, text, title)

    return shrink_to_fit(look.size, LARGEST * look.scale, draw).finish()


def _write(dice: Dice, script: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the text as (word, punctuation after it), and the words of its heading."""
    rng = dice.content("text")
    count = round(dice.by_level(16, 90))
    known = rng.choice(WORDS[script], max(10, round(count * 0.6)), replace=count * 0.6 > len(WORDS[script]))
    text: list[tuple[str, str]] = []
    left = 0
    for index in range(count):
        word = str(known[int(rng.integers(len(known)))])
        starts = left == 0
        left = int(rng.integers(4, 9)) if starts else left - 1
        ends = left == 0 or index == count - 1
        text.append((capital(word) if starts else word, "." if ends else "," if rng.random() < 0.12 else ""))
    return text, [capital(str(known[0])), str(known[1])]


def _set(look: Look, setting: _Setting, alignment: str, text: list[tuple[str, str]], title: list[str]) -> Page | None:
    """Return the page, or None where the text is too long for it."""
    page = Page(look.size, look.paper)
    large = round(setting.size * 1.35)
    x, y = look.margin, look.margin + large
    for word in title:
        if x + width(look.heading, large, word) > look.size[0] - look.margin:
            return None
        page.text(look.heading, large, (x, y), word, look.accent)
        x += width(look.heading, large, word) + setting.space * 1.5
    top = y + setting.line * 1.15
    lines = _break(look.body, setting, text)
    if lines is None:
        return None
    fit = int((look.size[1] - look.margin - 0.25 * setting.size - top) // setting.line) + 1
    each = -(-len(lines) // setting.columns)
    if each > fit:
        return None
    for index, line in enumerate(lines):
        left = look.margin + (index // each) * (setting.column + 1.5 * setting.size)
        last = index == len(lines) - 1
        _set_line(page, look, setting, alignment, line, (left, top + (index % each) * setting.line), last=last)
    return page


def _break(face: Face, setting: _Setting, text: list[tuple[str, str]]) -> list[list[tuple[str, str]]] | None:
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0.0
    for word, end in text:
        wide = width(face, setting.size, word + end)
        if wide > setting.column:
            return None
        if lines[-1] and used + setting.space + wide > setting.column:
            lines.append([])
            used = 0.0
        used += wide + (setting.space if lines[-1] else 0.0)
        lines[-1].append((word, end))
    return lines


def _set_line(
    page: Page,
    look: Look,
    setting: _Setting,
    alignment: str,
    line: list[tuple[str, str]],
    start: tuple[float, float],
    *,
    last: bool,
) -> None:
    widths = [width(look.body, setting.size, word + end) for word, end in line]
    spare = setting.column - sum(widths) - setting.space * (len(line) - 1)
    space, x = setting.space, start[0]
    if alignment == "justified" and len(line) > 1 and not last:
        space += spare / (len(line) - 1)
    elif alignment in ("centred", "right"):
        x += spare / 2 if alignment == "centred" else spare
    for (word, end), wide in zip(line, widths, strict=True):
        page.text(look.body, setting.size, (x, start[1]), word, look.ink, end=end)
        x += wide + space
