"""Pictures of matches: the keypoints of a pair, where the features found them, and how far off that was.

Left the source with its keypoints, right the target: a green dot where a keypoint was found within α of the truth, a
red one where it was missed, with a line from the dot to the true position (a white ring). Drawn with Pillow alone, at
twice the size and then reduced, which smooths dots and lines.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from visionlaw.atomic import write_bytes
from visionlaw.correspondence.pairs import Floats, Matches
from visionlaw.errors import DataError
from visionlaw.protocols import ImageRef, Pair

GOOD, BAD, GIVEN = "#12b76a", "#f04438", "#ffb020"
INK, FAINT, PAPER = "#101828", "#667085", "#ffffff"
TEXT, SMALL = 24, 18
GAP = 14
SHARPNESS = 2

Canvas = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Matched:
    """A pair and its matches.

    Attributes:
        pair: With m keypoints.
        found: ``[m, 2]`` pixel positions (x, y) in the target.
        errors: ``[m]``, the α from which on each keypoint is right.
    """

    pair: Pair
    found: Floats
    errors: Floats

    @classmethod
    def all_of(cls, matches: Matches) -> list[Matched]:
        """Return the pairs of a data set, each with its part of the matches."""
        bounds = zip(matches.table.starts[:-1], matches.table.starts[1:], strict=True)
        return [
            cls(pair, matches.found[start:end], matches.errors[start:end])
            for pair, (start, end) in zip(matches.table.pairs, bounds, strict=True)
        ]

    def correct(self, alpha: float) -> NDArray[np.bool_]:
        """Whether each keypoint is right, ``[m]``."""
        return self.errors < alpha

    def value(self, alpha: float) -> float:
        """The pair's share of keypoints that are right, in %."""
        return 100 * float(self.correct(alpha).mean())

    def truth(self) -> Floats:
        """The true position of each keypoint that is nearest to where it was found, ``[m, 2]``."""
        nearest = np.array(self.pair.target_points, dtype=np.float64)
        more = self.pair.instances
        for keypoint, point in zip(more.keypoint, more.points, strict=True) if more is not None else ():
            distances = [np.linalg.norm(self.found[keypoint] - p) for p in (point, nearest[keypoint])]
            if distances[0] < distances[1]:
                nearest[keypoint] = point
        return nearest


def best_and_worst(matched: Sequence[Matched], alpha: float, count: int) -> tuple[list[Matched], list[Matched]]:
    """Return the pairs with the highest and the lowest share of right keypoints, the most extreme first.

    Equal shares are told apart by the mean error, and each category comes once before one comes again. No pair is in
    both lists; with few pairs the lists are shorter.
    """
    ranked = sorted(matched, key=lambda m: (-m.value(alpha), float(m.errors.mean())))
    count = min(count, max(1, len(ranked) // 2))
    best = _varied(ranked, count)
    rest = [m for m in ranked if all(m is not b for b in best)]
    return best, _varied(rest[::-1], count)


def pair_picture(one: Matched, representation: str, alpha: float, width: int = 1200, measured: str = "") -> Image.Image:
    """Draw one pair under its title.

    Args:
        one: The pair and its matches.
        representation: The id of the features, for the title.
        alpha: The share of the pair's size within which a keypoint is right.
        width: Of the picture, in pixels.
        measured: On what and how C was measured, in a few words.
    """
    panels = _panels(one, alpha, width - 2 * GAP)
    head = GAP + _line(TEXT) + _line(SMALL) + GAP
    picture = Image.new("RGB", (width, head + panels.height + GAP + _line(SMALL) + GAP), PAPER)
    draw = ImageDraw.Draw(picture)
    _write(draw, (GAP, GAP), representation, TEXT, INK, width - 2 * GAP)
    caption = "   ".join(part for part in (_caption(one, alpha), measured) if part)
    _write(draw, (GAP, GAP + _line(TEXT)), caption, SMALL, FAINT, width - 2 * GAP)
    picture.paste(panels, (GAP, head))
    _legend(draw, (GAP, head + panels.height + GAP), alpha)
    return picture


def contact_sheet(
    representation: str,
    value: float,
    best: Sequence[Matched],
    worst: Sequence[Matched],
    alpha: float,
    width: int = 1600,
    measured: str = "",
) -> Image.Image:
    """Draw the best pairs of a representation in the left column and the worst in the right one.

    Args:
        representation: Its id.
        value: Its C over all pairs, in %.
        best: From the best one on.
        worst: From the worst one on.
        alpha: The share of a pair's size within which a keypoint is right.
        width: Of the picture, in pixels.
        measured: On what and how C was measured, in a few words.
    """
    column = (width - 3 * GAP) // 2
    columns = [_column(title, chosen, alpha, column) for title, chosen in (("Best", best), ("Worst", worst))]
    head = GAP + _line(TEXT + 6) + (_line(SMALL) if measured else 0) + GAP
    height = head + max(c.height for c in columns) + _line(SMALL) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    score = f"C = {value:.1f} %"
    room = width - 3 * GAP - _width(score, TEXT + 6)
    _write(draw, (GAP, GAP), representation, TEXT + 6, INK, room)
    _write(draw, (width - GAP - _width(score, TEXT + 6), GAP), score, TEXT + 6, INK, width)
    _write(draw, (GAP, GAP + _line(TEXT + 6)), measured, SMALL, FAINT, width - 2 * GAP)
    for index, drawn in enumerate(columns):
        sheet.paste(drawn, (GAP + index * (column + GAP), head))
    _legend(draw, (GAP, height - GAP - _line(SMALL) + 2), alpha)
    return sheet


def save_png(picture: Image.Image, path: Path) -> Path:
    """Write a picture in full or not at all, and return its path.

    Raises:
        DataError: The folder cannot be written to or the disk is full.
    """
    content = io.BytesIO()
    picture.save(content, "PNG")
    try:
        return write_bytes(path, content.getvalue())
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"The picture '{path}' cannot be written: {reason}.", "Choose another folder.") from error


def _varied(ranked: Sequence[Matched], count: int) -> list[Matched]:
    """Take the first of each category, and then of those left, in order."""
    seen: Counter[str] = Counter()
    rounds: list[tuple[int, int, Matched]] = []
    for position, one in enumerate(ranked):
        rounds.append((seen[one.pair.category], position, one))
        seen[one.pair.category] += 1
    chosen = sorted(rounds, key=lambda r: r[:2])[:count]
    return [one for _, _, one in sorted(chosen, key=lambda r: r[1])]


def _column(title: str, chosen: Sequence[Matched], alpha: float, width: int) -> Image.Image:
    drawn = [(_panels(one, alpha, width), _caption(one, alpha)) for one in chosen]
    height = _line(TEXT) + sum(panels.height + _line(SMALL) + GAP for panels, _ in drawn)
    column = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(column)
    _write(draw, (0, 0), title, TEXT, FAINT, width)
    y = _line(TEXT)
    for panels, caption in drawn:
        _write(draw, (0, y), caption, SMALL, INK, width)
        column.paste(panels, (0, y + _line(SMALL)))
        y += _line(SMALL) + panels.height + GAP
    return column


def _panels(one: Matched, alpha: float, width: int) -> Image.Image:
    """Draw source and target side by side at one height, together ``width`` wide."""
    images = [_load(one.pair.source), _load(one.pair.target)]
    ratios = [image.width / image.height for image in images]
    height = (width - GAP) / sum(ratios)
    # Very wide or tall images would leave no room for anything else.
    height = min(max(height, 80), 0.6 * width)
    inner = [max(1, round(min(height * ratio, 0.7 * width))) for ratio in ratios]
    scale = min(1.0, (width - GAP) / sum(inner))
    sizes = [(max(1, round(w * scale)), max(1, round(height * scale))) for w in inner]
    sharp = Image.new("RGB", (SHARPNESS * width, SHARPNESS * sizes[0][1]), PAPER)
    draw = ImageDraw.Draw(sharp)
    left = 0
    correct = one.correct(alpha)
    for image, (w, h), role in zip(images, sizes, ("source", "target"), strict=True):
        drawn = image.resize((SHARPNESS * w, SHARPNESS * h), Image.Resampling.LANCZOS)
        # Muted, so that the marks stand out on any photograph.
        sharp.paste(Image.blend(drawn, Image.new("RGB", drawn.size, "#808080"), 0.25), (left, 0))
        zoom = np.array([SHARPNESS * w / image.width, SHARPNESS * h / image.height])

        def place(points: np.ndarray, at: int = left, by: np.ndarray = zoom) -> list[tuple[float, float]]:
            return [(float(x) + at, float(y)) for x, y in (points + 0.5) * by]

        if role == "source":
            for (x, y), right in zip(place(one.pair.source_points), correct, strict=True):
                _dot(draw, x, y, GOOD if right else BAD)
        else:
            found, truth = place(one.found), place(one.truth())
            for start, end, right in zip(found, truth, correct, strict=True):
                draw.line([start, end], fill=PAPER, width=4 * SHARPNESS)
                draw.line([start, end], fill=GOOD if right else BAD, width=2 * SHARPNESS)
            for end in truth:
                _ring(draw, *end)
            for start, right in zip(found, correct, strict=True):
                _dot(draw, *start, GOOD if right else BAD)
        left += SHARPNESS * (w + GAP)
    return sharp.resize((width, sizes[0][1]), Image.Resampling.LANCZOS)


def _load(image: ImageRef) -> Image.Image:
    return image.load().convert("RGB")


def _dot(draw: Canvas, x: float, y: float, colour: str) -> None:
    radius = 6 * SHARPNESS
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=PAPER)
    radius -= 2 * SHARPNESS
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _ring(draw: Canvas, x: float, y: float) -> None:
    radius = 6 * SHARPNESS
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=INK, width=3 * SHARPNESS)
    radius -= SHARPNESS // 2
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=PAPER, width=2 * SHARPNESS)


def _caption(one: Matched, alpha: float) -> str:
    correct = one.correct(alpha)
    return f"{one.pair.id}   C = {one.value(alpha):.0f} %   ({int(correct.sum())} of {len(correct)} keypoints)"


def _legend(draw: Canvas, at: tuple[int, int], alpha: float) -> None:
    x, y = at
    middle = y + _line(SMALL) // 2 - 2
    for colour, text in ((GOOD, f"found within {alpha:g} of the size"), (BAD, "missed")):
        draw.ellipse((x, middle - 6, x + 12, middle + 6), fill=colour)
        _write(draw, (x + 20, y), text, SMALL, FAINT, 1000)
        x += 20 + math.ceil(_width(text, SMALL)) + 2 * GAP
    draw.ellipse((x, middle - 6, x + 12, middle + 6), outline=INK, width=2)
    _write(draw, (x + 20, y), "true position", SMALL, FAINT, 1000)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _line(size: int) -> int:
    return round(1.4 * size)


def _width(text: str, size: int) -> float:
    return _font(size).getlength(text)


def _write(draw: Canvas, at: tuple[float, float], text: str, size: int, colour: str, room: float) -> None:
    """Write text, smaller where it is too long, and cut when it cannot be read any more."""
    fitting = size
    while fitting > 14 and _width(text, fitting) > room:
        fitting -= 1
    if _width(text, fitting) > room:
        while text and _width(text + "...", fitting) > room:
            text = text[:-1]
        text += "..."
    draw.text((at[0], at[1] + (size - fitting) / 2), text, fill=colour, font=_font(fitting))
