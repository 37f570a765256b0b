"""Tables: a head, a stub of names, and cells of words and numbers."""

from __future__ import annotations

import numpy as np

from visionlaw_textpairs.dice import Dice
from visionlaw_textpairs.fitting import shrink_to_fit
from visionlaw_textpairs.fonts import Face, width
from visionlaw_textpairs.look import Look
from visionlaw_textpairs.page import Colour, Page, Sheet
from visionlaw_textpairs.words import WORDS, capital

LARGEST = 34
RULES = ("all", "rows", "head", "bands")


def draw_table(dice: Dice, look: Look, faces: tuple[Face, ...], script: str) -> Sheet:
    """Draw a table; the target's columns and rows have other sizes, alignment and rules, from level 2 another order."""
    cells = _fill(dice, script)
    if dice.level >= 2:
        rng = dice.own("order")
        cells = [cells[0], *(cells[1 + int(row)] for row in rng.permutation(len(cells) - 1))]
    rows, columns = len(cells), len(cells[0])
    inner = np.array(look.size) - 2 * look.margin

    def measure(px: int) -> tuple[int, np.ndarray] | None:
        needed = np.array([max(width(_face(look, r), px, cells[r][c]) for r in range(rows)) for c in range(columns)])
        needed = needed + 0.7 * px
        return (px, needed) if needed.sum() <= inner[0] and rows * 1.5 * px <= inner[1] else None

    px, needed = shrink_to_fit(look.size, LARGEST * look.scale, measure)
    shares = np.array([dice.uniform(f"column {c}", 0, 1) for c in range(columns)])
    widths = needed + (inner[0] - needed.sum()) * dice.uniform("width", 0.4, 1.0) * shares / shares.sum()
    height = min(float(inner[1]) / rows, px * dice.uniform("height", 1.6, 3.2))
    xs = look.margin + np.concatenate([[0], np.cumsum(widths)])
    ys = look.margin + height * np.arange(rows + 1)
    return _draw(dice, look, cells, px, np.rint(xs), np.rint(ys)).finish()


def keypoint_at_cell(text: str) -> bool:
    """Whether a cell's keypoint is the centre of the cell, or that of its text: half of them each, by the text."""
    return sum(map(ord, text.casefold())) % 2 == 0


def _face(look: Look, row: int) -> Face:
    return look.heading if row == 0 else look.body


def _fill(dice: Dice, script: str) -> list[list[str]]:
    rng = dice.content("cells")
    rows, columns = round(dice.by_level(4, 10)), round(dice.by_level(3, 5))
    words = [str(word) for word in rng.choice(WORDS[script], columns + rows, replace=False)]
    few = [str(word) for word in rng.choice(WORDS[script], 4, replace=False)]
    kinds = [str(kind) for kind in rng.choice(["whole", "share", "word"], columns - 1)]
    body = [[words[columns + row], *(_cell(rng, kind, few) for kind in kinds)] for row in range(rows - 1)]
    return [[capital(word) for word in words[:columns]], *body]


def _cell(rng: np.random.Generator, kind: str, few: list[str]) -> str:
    if kind == "word":
        return few[int(rng.integers(len(few)))]
    return str(int(rng.integers(3, 2000))) if kind == "whole" else f"{rng.uniform(0.1, 99):.1f}"


def _draw(dice: Dice, look: Look, cells: list[list[str]], px: int, xs: np.ndarray, ys: np.ndarray) -> Page:
    page = Page(look.size, look.paper)
    rules = dice.choice("rules", RULES)
    filled = dice.choice("head filled", (True, False))
    faint = mix(look.paper, look.ink, 0.14)
    left, right, top, bottom = xs[0], xs[-1], ys[0], ys[-1]
    if rules == "bands":
        for row in range(1, len(cells), 2):
            page.rectangle((left, ys[row], right, ys[row + 1]), fill=faint)
    if filled:
        page.rectangle((left, ys[0], right, ys[1]), fill=mix(look.paper, look.accent, 0.25))
    thick = dice.choice("thickness", (1, 1, 2))
    for row, y in enumerate(ys):
        if rules in ("all", "rows") or (rules == "head" and row in (0, 1, len(cells))):
            page.rectangle((left, y, right + thick, y + thick), fill=look.ink)
    for x in xs if rules == "all" else ():
        page.rectangle((x, top, x + thick, bottom + thick), fill=look.ink)
    for column in range(len(cells[0])):
        align = dice.choice(f"align {column}", (0.0, 0.5, 1.0))
        for row, line in enumerate(cells):
            text, face = line[column], _face(look, row)
            pad = 0.3 * px
            x = xs[column] + pad + align * (xs[column + 1] - xs[column] - 2 * pad - width(face, px, text))
            y = (ys[row] + ys[row + 1]) / 2 + 0.35 * px
            page.text(face, px, (float(x), float(y)), text, look.accent if row == 0 and not filled else look.ink)
            if keypoint_at_cell(text):
                box = (float(xs[column]), float(ys[row]), float(xs[column + 1]), float(ys[row + 1]))
                page.marks = [mark for mark in page.marks if mark.thing != f"word {text.casefold()}"]
                page.mark(f"cell {text.casefold()}", box)
    return page


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour that is ``share`` of the way from one to the other."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue
