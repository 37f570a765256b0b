"""Forms: labels, fields, most of them filled in, and boxes to tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw_textpairs.dice import Dice
from visionlaw_textpairs.fitting import shrink_to_fit
from visionlaw_textpairs.fonts import Face, width
from visionlaw_textpairs.look import Look, draw_face
from visionlaw_textpairs.page import Page, Sheet
from visionlaw_textpairs.tables import mix
from visionlaw_textpairs.words import WORDS, capital

LARGEST = 34
FIELDS = ("box", "line", "filled")


@dataclass(frozen=True)
class _Entry:
    """A label, and what is written into its field; an entry to tick has no text."""

    label: str
    value: str
    tick: bool = False


def draw_form(dice: Dice, look: Look, faces: tuple[Face, ...], script: str) -> Sheet:
    """Draw a form; the target has its labels above or beside the fields, in one column or two."""
    title, entries = _fill(dice, script)
    written = draw_face(dice, "written", faces)
    above = dice.choice("above", (True, False))
    columns = dice.choice("columns", (1, 2) if dice.level >= 1 else (1,))
    share = dice.uniform("label share", 0.42, 0.55)

    def draw(px: int) -> Page | None:
        return _draw(dice, look, written, px, columns, share, title, entries, above=above)

    return shrink_to_fit(look.size, LARGEST * look.scale, draw).finish()


def _fill(dice: Dice, script: str) -> tuple[str, list[_Entry]]:
    rng = dice.content("entries")
    count = round(dice.by_level(4, 12))
    words = [str(word) for word in rng.choice(WORDS[script], count + 1, replace=False)]
    values = [str(word) for word in rng.choice(WORDS[script], count, replace=True)]
    entries: list[_Entry] = []
    for label, value in zip(words[1:], values, strict=True):
        kind = rng.random()
        if kind < 0.2:
            entries.append(_Entry(capital(label), "yes" if rng.random() < 0.5 else "", tick=True))
        else:
            number = str(int(rng.integers(10, 99999)))
            entries.append(_Entry(capital(label), "" if kind < 0.35 else number if kind < 0.6 else value))
    return capital(words[0]), entries


def _draw(
    dice: Dice,
    look: Look,
    written: Face,
    px: int,
    columns: int,
    share: float,
    title: str,
    entries: list[_Entry],
    *,
    above: bool,
) -> Page | None:
    page = Page(look.size, look.paper)
    large = round(px * 1.3)
    inner = look.size[0] - 2 * look.margin
    top = look.margin + large
    if width(look.heading, large, title) > inner:
        return None
    page.text(look.heading, large, (look.margin, top), title, look.accent)
    top += 0.7 * px
    each = -(-len(entries) // columns)
    slot = (look.size[1] - look.margin - top) / each
    slot = min(slot, px * dice.uniform("row", 2.4, 4.0) * (1.4 if above else 1.0))
    if slot < (3.3 if above else 1.9) * px:
        return None
    gap = 1.2 * px
    column = (inner - (columns - 1) * gap) / columns
    for index, entry in enumerate(entries):
        left = look.margin + (index // each) * (column + gap)
        box = (left, top + (index % each) * slot, left + column, top + (index % each + 1) * slot)
        if not _draw_entry(dice, page, look, written, px, share, entry, box, above=above):
            return None
    return page


def _draw_entry(
    dice: Dice,
    page: Page,
    look: Look,
    written: Face,
    px: int,
    share: float,
    entry: _Entry,
    box: tuple[float, float, float, float],
    *,
    above: bool,
) -> bool:
    """Draw one entry into its box; tell whether there was room for it."""
    left, top, right, bottom = box
    label = width(look.body, px, entry.label + ":")
    if entry.tick:
        return _draw_tick(page, look, px, entry, (left, (top + bottom) / 2), right)
    field_left = left if above else left + share * (right - left)
    if label > (right - left if above else field_left - left - 0.3 * px):
        return False
    if width(written, px, entry.value or "n") > right - field_left - 0.8 * px:
        return False
    middle = top + (0.68 * (bottom - top) if above else 0.5 * (bottom - top))
    field = np.rint((field_left, middle - 0.72 * px, right, middle + 0.72 * px))
    baseline = top + 0.28 * (bottom - top) if above else middle + 0.35 * px
    page.text(look.body, px, (left, baseline), entry.label, look.ink, end=":")
    _draw_field(page, look, dice.choice("fields", FIELDS), (field[0], field[1], field[2], field[3]))
    page.mark(f"field {entry.label.casefold()}", (field[0], field[1], field[2], field[3]))
    if entry.value:
        page.text(
            written, px, (field_left + 0.4 * px, middle + 0.35 * px), entry.value, mix(look.ink, (30, 60, 190), 0.4)
        )
    return True


def _draw_tick(page: Page, look: Look, px: int, entry: _Entry, middle: tuple[float, float], right: float) -> bool:
    """Draw a box to tick, ticked or not, and its label to the right."""
    left, y = middle
    side = 1.1 * px
    box = (round(left), round(y - side / 2), round(left) + round(side), round(y - side / 2) + round(side))
    pen = left + side + 0.5 * px
    if pen + width(look.body, px, entry.label) > right:
        return False
    page.rectangle(box, outline=look.ink, thickness=2 if px > 16 else 1)
    if entry.value:
        inset = max(3, round(0.25 * px))
        page.rectangle((box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset), fill=look.accent)
    page.mark(f"tick {entry.label.casefold()}", box)
    page.text(look.body, px, (pen, y + 0.35 * px), entry.label, look.ink)
    return True


def _draw_field(page: Page, look: Look, style: str, field: tuple[float, float, float, float]) -> None:
    if style == "line":
        page.rectangle((field[0], field[3] - 1, field[2], field[3]), fill=look.ink)
    elif style == "box":
        page.rectangle(field, outline=look.ink)
    else:
        page.rectangle(field, fill=mix(look.paper, look.ink, 0.12))
