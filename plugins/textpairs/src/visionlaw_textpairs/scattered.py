"""Words all over a page, as on signs, labels and maps."""

from __future__ import annotations

import numpy as np

from visionlaw_textpairs.dice import TARGET, Dice
from visionlaw_textpairs.fitting import does_not_fit
from visionlaw_textpairs.fonts import Face, width
from visionlaw_textpairs.look import Look, draw_face
from visionlaw_textpairs.page import Page, Rectangle, Sheet
from visionlaw_textpairs.words import WORDS

Spot = tuple[float, float]

LARGEST = 54
SMALLEST = 8
TRIES = 40
GAP = 0.35  # the least distance of two words, in their size


def draw_words(dice: Dice, look: Look, faces: tuple[Face, ...], script: str) -> Sheet:
    """Place words without overlap; some stand there twice. In the target they have moved, the further the harder."""
    rng = dice.content("words")
    different = round(dice.by_level(7, 20))
    words = [str(word) for word in rng.choice(WORDS[script], different, replace=False)]
    words += [words[index] for index in rng.integers(0, different, max(1, different // 4))]
    places: list[Spot] = [(x, y) for x, y in rng.uniform(0, 1, (len(words), 2)).tolist()]
    order: list[int] = rng.permutation(len(words)).tolist()
    fonts = [draw_face(dice, f"word {index}", faces) for index in range(len(words))]
    sizes = [LARGEST * look.scale * dice.uniform(f"word {index}", 0.7, 1.15) for index in range(len(words))]
    colours = [dice.choice(f"word {index} colour", (look.ink, look.ink, look.accent)) for index in range(len(words))]
    shrink = 1.0
    while True:
        own = _Uniform(dice.own("places"))
        taken: list[Rectangle] = []
        spots: list[tuple[int, int, Spot]] = []
        for index in order:
            size = max(SMALLEST, round(sizes[index] * shrink))
            spot = _find_place(own, dice, look, places[index], (width(fonts[index], size, words[index]), size), taken)
            if spot is None:
                break
            spots.append((index, size, spot))
        else:
            break
        if all(round(size * shrink) <= SMALLEST for size in sizes):
            raise does_not_fit(look.size, SMALLEST)
        shrink *= 0.93
    page = Page(look.size, look.paper)
    for index, size, spot in spots:
        page.text(fonts[index], size, spot, words[index], colours[index])
    return page.finish()


class _Uniform:
    """Numbers from 0 to 1, one by one, drawn in blocks."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn = iter(())

    def next(self) -> float:
        found = next(self._drawn, None)
        if found is None:
            self._drawn = iter(self._rng.random(256).tolist())
            found = next(self._drawn)
        return found


def _find_place(
    rng: _Uniform,
    dice: Dice,
    look: Look,
    wanted: Spot,
    box: tuple[int, int],
    taken: list[Rectangle],
) -> Spot | None:
    """Return a free position for the pen near the wanted one, and take it."""
    wide, size = box
    room = look.size[0] - 2 * look.margin - wide, look.size[1] - 2 * look.margin - 1.25 * size
    if min(room) < 0:
        return None
    moved = dice.change if dice.side == TARGET else 0.0
    for attempt in range(TRIES):
        free = min(1.0, moved * moved + attempt / TRIES)
        left = look.margin + (wanted[0] + free * (rng.next() - wanted[0])) * room[0]
        top = look.margin + (wanted[1] + free * (rng.next() - wanted[1])) * room[1]
        gap = GAP * size
        here = (left - gap, top - gap / 2, left + wide + gap, top + 1.25 * size + gap / 2)
        if all(here[2] <= t[0] or t[2] <= here[0] or here[3] <= t[1] or t[3] <= here[1] for t in taken):
            taken.append(here)
            return left, top + size
    return None
