"""Charts, drawn by matplotlib's Agg; where ticks, labels, bars and markers are is read from its transforms."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from visionlaw_textpairs.dice import Dice
from visionlaw_textpairs.fonts import Face
from visionlaw_textpairs.look import Look, draw_face
from visionlaw_textpairs.page import Colour, Mark, Rectangle, Sheet, note_word
from visionlaw_textpairs.tables import mix
from visionlaw_textpairs.words import WORDS, capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
    from matplotlib.text import Text

LARGEST = 25
DPI = 100
FAINT = 25  # of 255: less is not ink
FORMS = ("bars", "sideways", "lines", "points")
PALETTES: tuple[tuple[Colour, Colour], ...] = (
    ((31, 119, 180), (255, 127, 14)),
    ((44, 160, 44), (214, 39, 40)),
    ((110, 80, 160), (230, 170, 40)),
    ((20, 120, 120), (200, 90, 120)),
    ((90, 90, 90), (170, 60, 40)),
)
# rcParams are the process's, and neither they nor matplotlib's font cache may change under a figure being drawn.
_DRAWING = threading.RLock()


@dataclass(frozen=True)
class Chart:
    """What a chart says.

    Attributes:
        form: One of ``FORMS``.
        title: One or two words.
        labels: Of the axis of categories, and of the axis of values.
        categories: Their names.
        series: The names of one or two series.
        values: ``[series, category]``.
        ticks: Those of the axis of values.
    """

    form: str
    title: tuple[str, ...]
    labels: tuple[str, str]
    categories: tuple[str, ...]
    series: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    ticks: tuple[float, ...]


def draw_chart(dice: Dice, look: Look, faces: tuple[Face, ...], script: str) -> Sheet:
    """Draw a chart; the target has other fonts, colours, proportions, grid and legend."""
    chart = _invent(dice, script)
    ticks_face = draw_face(dice, "ticks", faces)
    px = LARGEST * (1 + look.scale) / 2
    make = partial(_figure, dice, look, ticks_face, chart, px)
    plot = _Plot(chart, make)
    return Sheet(look.size, plot.read, plot.paint)


class _Plot:
    """A figure that is built and drawn once, on first use, by whichever thread asks first."""

    def __init__(self, chart: Chart, make: Callable[[], tuple[FigureCanvasAgg, Axes, _Labels]]) -> None:
        self._chart, self._make = chart, make

    @cached_property
    def _drawn(self) -> tuple[FigureCanvasAgg, Axes, _Labels, Image.Image]:
        canvas, axes, labels = self._make()
        canvas.draw()  # which also puts ticks and labels where they are read
        return canvas, axes, labels, Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())

    def read(self) -> tuple[Mark, ...]:
        with _defaults():
            canvas, axes, labels, _ = self._drawn
            return tuple(_read(canvas, axes, self._chart, labels))

    def paint(self) -> Image.Image:
        with _defaults():
            return self._drawn[-1].copy()


@contextmanager
def _defaults() -> Iterator[None]:
    """Draw one chart at a time, by matplotlib's own defaults, whatever the user's matplotlibrc says."""
    import matplotlib as mpl

    kept = {key: value for key, value in dict.items(mpl.rcParamsDefault) if not key.startswith(("backend", "toolbar"))}
    with _DRAWING, mpl.rc_context(kept):
        yield


def _invent(dice: Dice, script: str) -> Chart:
    rng = dice.content("chart")
    count = round(dice.by_level(3, 6))
    words = [str(word) for word in rng.choice(WORDS[script], count + 6, replace=False)]
    series = 1 if rng.random() < 0.5 else 2
    top = float(rng.choice([4, 5, 8, 10, 40, 50, 80, 100]))
    steps = 4 if top % 4 == 0 else 5
    shares = rng.uniform(0.2, 0.95, (series, count))
    if series == 2:  # no marker hides another
        apart = shares[1] - shares[0]
        shares[1] = np.where(
            np.abs(apart) < 0.15, np.where(shares[0] > 0.55, shares[0] - 0.2, shares[0] + 0.2), shares[1]
        )
    values = shares * top
    return Chart(
        form=FORMS[int(rng.integers(len(FORMS)))],
        title=(capital(words[0]), words[1]) if rng.random() < 0.5 else (capital(words[0]),),
        labels=(capital(words[2]), capital(words[3])),
        categories=tuple(words[6:]),
        series=tuple(words[4 : 4 + series]),
        values=tuple(tuple(float(round(value, 2)) for value in row) for row in values),
        ticks=tuple(top * step / steps for step in range(steps + 1)),
    )


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


@dataclass(frozen=True)
class _Labels:
    """The texts of a chart that hold words."""

    title: Any
    categories: Any
    values: Any
    legend: tuple[Any, ...]
    artists: tuple[Any, ...]


def _figure(dice: Dice, look: Look, ticks_face: Face, chart: Chart, px: float) -> tuple[FigureCanvasAgg, Axes, _Labels]:
    """Build the figure; the same whenever it is called."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    figure = Figure(figsize=(look.size[0] / DPI, look.size[1] / DPI), dpi=DPI, facecolor=_hex(look.paper))
    canvas = FigureCanvasAgg(figure)
    points = px * 72 / DPI
    font = partial(FontProperties, fname=look.body.path)
    axes = figure.add_subplot()
    axes.set_facecolor(_hex(mix(look.paper, look.ink, dice.choice("ground", (0.0, 0.05)))))
    artists = _draw_series(dice, axes, chart)
    ink = _hex(look.ink)
    sideways = chart.form == "sideways"
    names, numbers = (axes.yaxis, axes.xaxis) if sideways else (axes.xaxis, axes.yaxis)
    small = FontProperties(fname=ticks_face.path, size=points * dice.uniform("tick size", 0.7, 0.85))
    names.set_ticks(range(len(chart.categories)), chart.categories, fontproperties=small, color=ink)
    numbers.set_ticks(chart.ticks, [f"{tick:g}" for tick in chart.ticks], fontproperties=small, color=ink)
    room = 1 + dice.uniform("headroom", 0.04, 0.2)
    count = len(chart.categories)
    above = 0.3 if len(chart.series) > 1 else 0.0  # where the legend stands
    (axes.set_xlim if sideways else axes.set_ylim)(0, chart.ticks[-1] * (room + (0.0 if sideways else above)))
    (axes.set_ylim if sideways else axes.set_xlim)(-0.6, count - 0.4 + (above * count if sideways else 0.0))
    axes.tick_params(length=4, color=ink, width=1)
    for side, spine in axes.spines.items():
        spine.set_color(ink)
        spine.set_visible(side in ("left", "bottom") or dice.choice("frame", (True, False)))
    if dice.choice("grid", (True, False)):
        axes.grid(axis="x" if sideways else "y", color=_hex(mix(look.paper, look.ink, 0.2)), linewidth=0.8)
        axes.set_axisbelow(True)
    category, value = chart.labels
    x, y = (value, category) if sideways else (category, value)
    axes.set_xlabel(x, fontproperties=font(size=points), color=ink)
    axes.set_ylabel(y, fontproperties=font(size=points), color=ink)
    title = axes.set_title(
        " ".join(chart.title),
        fontproperties=FontProperties(fname=look.heading.path, size=points * 1.2),
        color=_hex(look.accent),
    )
    legend = ()
    if len(chart.series) > 1:
        box = axes.legend(
            handles=[group[0] for group in artists],
            labels=list(chart.series),
            prop=small,
            labelcolor=ink,
            facecolor=_hex(look.paper),
            framealpha=1,
            loc=dice.choice("legend", ("upper left", "upper right")),
        )
        legend = tuple(box.get_texts())
    labels = _Labels(title, names.label, numbers.label, legend, artists)
    _make_room(canvas, axes, names, labels, small)
    return canvas, axes, labels


def _draw_series(dice: Dice, axes: Axes, chart: Chart) -> tuple[Any, ...]:
    colours = [_hex(colour) for colour in dice.choice("palette", PALETTES)]
    places = np.arange(len(chart.categories))
    count = len(chart.series)
    wide = dice.uniform("bar width", 0.5, 0.85) / count
    drawn: list[Any] = []
    for index, values in enumerate(chart.values):
        at = places + (index - (count - 1) / 2) * wide
        if chart.form == "bars":
            drawn.append(tuple(axes.bar(at, values, wide * 0.95, color=colours[index])))
        elif chart.form == "sideways":
            drawn.append(tuple(axes.barh(at, values, wide * 0.95, color=colours[index])))
        else:
            marker = dice.choice(f"marker {index}", ("o", "s", "D", "^"))
            line = "-" if chart.form == "lines" else ""
            drawn.append(axes.plot(places, values, line + marker, color=colours[index], markersize=8, linewidth=2))
    return tuple(drawn)


def _make_room(canvas: FigureCanvasAgg, axes: Axes, names: Any, labels: _Labels, small: Any) -> None:
    """Leave room for what stands around the axes, and shrink labels that touch each other or the edge."""
    renderer = canvas.get_renderer()
    figure = canvas.figure
    wide, high = figure.bbox.size
    for _ in range(12):
        axes.set_position((0.12, 0.12, 0.8, 0.8))
        inner, outer = axes.get_window_extent(renderer), axes.get_tightbbox(renderer)
        if outer is None:
            break
        left, right = inner.x0 - outer.x0 + 8, max(0.0, outer.x1 - inner.x1) + 10
        bottom, top = inner.y0 - outer.y0 + 8, outer.y1 - inner.y1 + 8
        axes.set_position((left / wide, bottom / high, (wide - left - right) / wide, (high - bottom - top) / high))
        axes.get_tightbbox(renderer)  # moves title and labels along
        boxes = [text.get_window_extent(renderer) for text in names.get_ticklabels()]
        close = any(a.x0 - 5 < b.x1 and b.x0 - 5 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1 for a, b in _pairs(boxes))
        sides = [text.get_window_extent(renderer) for text in (labels.title, labels.categories, labels.values)]
        outside = any(box.x0 < 3 or box.x1 > wide - 3 or box.y0 < 3 or box.y1 > high - 3 for box in (*sides, *boxes))
        if not close and not outside:
            break
        for text in (labels.title, labels.categories, labels.values) if outside else ():
            text.set_fontsize(text.get_fontsize() * 0.92)
        for text in names.get_ticklabels() if close or outside else ():
            text.set_fontsize(text.get_fontsize() * 0.9)


def _pairs(boxes: list[Any]) -> Iterator[tuple[Any, Any]]:
    return ((one, other) for index, one in enumerate(boxes) for other in boxes[index + 1 :])


def _read(canvas: FigureCanvasAgg, axes: Axes, chart: Chart, labels: _Labels) -> Iterator[Mark]:
    """Yield the marks of a chart that is laid out."""
    figure = canvas.figure
    renderer = canvas.get_renderer()
    height = figure.bbox.height
    for text in (labels.title, labels.categories, labels.values, *labels.legend):
        yield from _words(renderer, text)
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        for tick, label in zip(axis.get_major_ticks(), axis.get_ticklabels(), strict=True):
            marks = tuple(_words(renderer, label))
            yield from marks
            line = tick.tick1line.get_transform().transform(tick.tick1line.get_xydata())[0]
            point = (float(line[0]), height - float(line[1]))
            box = marks[0].box
            yield Mark(f"tick {name} {label.get_text().casefold()}", point, _at(point, box))
    for index, group in enumerate(labels.artists):
        if chart.form in ("bars", "sideways"):
            for name, bar in zip(chart.categories, group, strict=True):
                box = bar.get_window_extent(renderer)
                edges = (box.x0, height - box.y1, box.x1, height - box.y0)
                yield Mark(f"bar {index} {name}", ((edges[0] + edges[2]) / 2, (edges[1] + edges[3]) / 2), edges)
        else:
            line = group[0]
            for name, (x, y) in zip(chart.categories, axes.transData.transform(line.get_xydata()), strict=True):
                point = (float(x), height - float(y))
                side = line.get_markersize() * DPI / 72
                yield Mark(f"marker {index} {name}", point, _at(point, (0.0, 0.0, side, side)))


def _at(point: tuple[float, float], box: Rectangle) -> Rectangle:
    """Return a box of the same size about a point."""
    wide, high = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return (point[0] - wide, point[1] - high, point[0] + wide, point[1] + high)


def _words(renderer: RendererAgg, text: Text) -> Iterator[Mark]:
    """Yield the marks of the words of a text, and of their characters.

    matplotlib's own extent of a text is as high as its line and differs between its versions. So the text is drawn
    alone to see where its ink is, and the characters are placed in it by how far each beginning of the text reaches.
    """
    shown, start = text.get_text(), 0
    boxes = _characters(renderer, text)
    for word in shown.split(" "):
        yield from note_word(word, boxes[start : start + len(word)])
        start += len(word) + 1


def _characters(renderer: RendererAgg, text: Text) -> list[Rectangle]:
    """Return the box of each character's ink, from the figure's top-left corner."""
    shown, font = text.get_text(), text.get_fontproperties()
    measure = partial(_measure, str(font.get_file()), float(font.get_size_in_points()))
    upright = [measure(shown)]
    for index, character in enumerate(shown):
        left, top, right, bottom = measure(character)
        end = measure(shown[: index + 1])[2]
        upright.append((end - (right - left), top, end, bottom))
    if round(text.get_rotation()) == 90:
        upright = [(top, -right, bottom, -left) for left, top, right, bottom in upright]
    renderer.clear()
    text.draw(renderer)
    seen, whole = _inked(renderer), upright[0]
    x, y = (seen[0] - whole[0] + seen[2] - whole[2]) / 2, (seen[1] - whole[1] + seen[3] - whole[3]) / 2
    return [(left + x, top + y, right + x, bottom + y) for left, top, right, bottom in upright[1:]]


@lru_cache(maxsize=4096)
def _measure(path: str, points: float, shown: str) -> Rectangle:
    """Return the box of a text's ink from its pen on the baseline, y downwards; empty where nothing is inked."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    em = math.ceil(points * DPI / 72)
    renderer = RendererAgg((len(shown) + 4) * em, 4 * em, DPI)
    renderer.draw_text(renderer.new_gc(), 2 * em, 2 * em, shown, FontProperties(fname=path, size=points), 0)
    left, top, right, bottom = _inked(renderer)
    return (left - 2 * em, top - 2 * em, right - 2 * em, bottom - 2 * em) if right > left else (0.0, 0.0, 0.0, 0.0)


def _inked(renderer: RendererAgg) -> Rectangle:
    """Return the box of all that is drawn, from the top-left corner."""
    drawn = np.asarray(renderer.buffer_rgba())[..., 3] > FAINT
    columns, rows = np.flatnonzero(drawn.any(axis=0)), np.flatnonzero(drawn.any(axis=1))
    if not len(columns):
        return (0.0, 0.0, 0.0, 0.0)
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
