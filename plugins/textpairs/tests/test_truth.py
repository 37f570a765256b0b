"""The truth is where the ink is: found again in the pixels, without asking the renderer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visionlaw_textpairs import charts
from visionlaw_textpairs.camera import Camera, draw_camera
from visionlaw_textpairs.charts import draw_chart
from visionlaw_textpairs.dice import SOURCE, TARGET, Dice
from visionlaw_textpairs.fonts import Face, find_faces
from visionlaw_textpairs.look import draw_look
from visionlaw_textpairs.page import Mark, Page, Sheet

FACES = find_faces("package", "latin")
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def ink_box(image: Image.Image, threshold: int = 30) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom edge of what is not white."""
    rows, columns = np.nonzero(255 - np.asarray(image.convert("L"), dtype=int) > threshold)
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def a_word(face: Face, size: int, text: str) -> Sheet:
    page = Page((512, 416), WHITE)
    page.text(face, size, (150, 230), text, BLACK)
    return page.finish()


def word_mark(sheet: Sheet) -> Mark:
    (mark,) = (mark for mark in sheet.marks if mark.unit == "word")
    return mark


@pytest.mark.parametrize("face", FACES, ids=lambda face: f"{face.family} {face.style}")
@pytest.mark.parametrize("size", [11, 43])
def test_a_words_box_is_its_ink(face: Face, size: int) -> None:
    sheet = a_word(face, size, "Ajfig,")

    assert word_mark(sheet).box == ink_box(sheet.paint(), threshold=0)


@pytest.mark.parametrize("script", ["latin", "greek", "cyrillic", "armenian", "georgian"])
def test_characters_are_where_their_ink_is(script: str) -> None:
    """Each of a word's characters, drawn alone where the word's mark says, covers only ink of the word."""
    words = {"latin": "harbor", "greek": "γέφυρα", "cyrillic": "щётка", "armenian": "աղբյուր", "georgian": "ყვავილი"}
    face = find_faces("package", script)[0]
    sheet = a_word(face, 40, words[script])
    ink = np.asarray(sheet.paint().convert("L")) < 255
    characters = [mark for mark in sheet.marks if mark.unit == "glyph"]

    assert len(characters) == len(words[script])
    left = [mark.box[0] for mark in characters]
    assert left == sorted(left)
    covered = np.zeros_like(ink)
    for mark in characters:
        x0, y0, x1, y1 = (int(edge) for edge in mark.box)
        inside = ink[y0:y1, x0:x1]
        assert inside[0].any()
        assert inside[-1].any()
        assert inside[:, 0].any()
        assert inside[:, -1].any()
        covered[y0:y1, x0:x1] = True
    assert not (ink & ~covered).any()


@pytest.mark.parametrize("number", range(8))
def test_perspective_moves_the_truth_as_it_moves_the_ink(number: int) -> None:
    """The ink of the photograph, brought back by the inverse homography, fills the word's box."""
    sheet = a_word(FACES[0], 60, "Hamlet")
    drawn = draw_camera(Dice(3, number, 3.0, TARGET), sheet.size)
    camera = replace(drawn, strength=0.0, desk=WHITE)
    assert not np.allclose(camera.matrix, np.eye(3))
    seen = np.asarray(camera.photograph(sheet.paint()).convert("L"), dtype=float)
    rows, columns = np.nonzero(seen < 215)
    back = np.column_stack([columns + 0.5, rows + 0.5, np.ones(len(rows))]) @ np.linalg.inv(camera.matrix).T
    back = back[:, :2] / back[:, 2:]
    mark = word_mark(sheet)

    found = np.array([*back.min(axis=0), *back.max(axis=0)])
    assert np.abs(found - mark.box).max() < 1.25
    centre = camera.see(mark.point)
    around = camera.see(np.array([found[:2], found[2:]]).mean(axis=0))
    assert np.linalg.norm(centre - around) < 1.0


def test_a_disc_is_found_at_its_keypoint_to_a_fifth_of_a_pixel() -> None:
    """Centroids are sharper than edges: a full stop's ink, without perspective and with it."""
    page = Page((512, 416), WHITE)
    page.rectangle((300, 150, 312, 162), fill=BLACK)
    page.mark("spot", (300, 150, 312, 162))
    sheet = page.finish()
    cameras = [Camera(sheet.size, np.eye(3), 0.0, WHITE, 0)]
    cameras += [replace(draw_camera(Dice(1, n, 3.0, TARGET), sheet.size), strength=0.0, desk=WHITE) for n in range(6)]
    for camera in cameras:
        dark = 255 - np.asarray(camera.photograph(sheet.paint()).convert("L"), dtype=float)
        dark[dark < 25] = 0
        rows, columns = np.mgrid[0:416, 0:512]
        centroid = np.array([(dark * columns).sum(), (dark * rows).sum()]) / dark.sum()
        assert np.linalg.norm(centroid - camera.see(sheet.marks[0].point)) < 0.2


def test_lengths_are_those_of_the_box_as_it_is_seen() -> None:
    twice = Camera((512, 512), np.diag([2.0, 2.0, 1.0]), 0.0, WHITE, 0)
    turned = Camera((512, 512), np.array([[0.6, -0.8, 200.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]]), 0.0, WHITE, 0)
    mark = Mark("word a", (60.0, 35.0), (50.0, 30.0, 70.0, 40.0))

    assert twice.length(mark) == pytest.approx(40)
    assert turned.length(mark) == pytest.approx(20)
    assert twice.see([0.5, 0.5]) == pytest.approx([0.5, 0.5])


def chart_of(number: int, level: float = 1.0) -> tuple[Sheet, Dice]:
    dice = Dice(11, number, level, SOURCE)
    return draw_chart(dice, draw_look(dice, FACES), FACES, "latin"), dice


@pytest.mark.parametrize("number", range(6))
def test_the_texts_of_a_chart_are_where_their_ink_is(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Painted with one text less, a chart differs exactly where the words of that text are."""
    sheet, _ = chart_of(number)
    full = np.asarray(sheet.paint(), dtype=int)
    real = charts._figure  # pyright: ignore[reportPrivateUsage]
    checked = 0
    for name in ("title", "categories", "values"):
        hidden: list[str] = []

        def without(*args: object, name: str = name, hidden: list[str] = hidden) -> object:
            canvas, axes, labels = real(*args)  # pyright: ignore[reportArgumentType]
            getattr(labels, name).set_alpha(0)
            hidden.append(getattr(labels, name).get_text())
            return canvas, axes, labels

        with monkeypatch.context() as patch:
            patch.setattr(charts, "_figure", without)
            bare = chart_of(number)[0].paint()
        difference = np.abs(np.asarray(bare, dtype=int) - full).max(axis=2) > 40
        words = hidden[0].casefold().split(" ")
        boxes = np.array([mark.box for mark in sheet.marks if mark.thing in {f"word {word}" for word in words}])
        rows, columns = np.nonzero(difference)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        truth = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
        assert np.abs(np.subtract(found, truth)).max() <= 1.5, (hidden[0], found, truth)
        checked += 1
    assert checked == 3


def pixel(image: NDArray[np.uint8], point: tuple[float, float]) -> NDArray[np.uint8]:
    return image[int(point[1]), int(point[0])]


def test_bars_and_markers_have_the_series_colour_at_their_keypoints() -> None:
    seen: set[str] = set()
    for number in range(12):
        sheet, dice = chart_of(number)
        image = np.asarray(sheet.paint())
        palette = dice.choice("palette", charts.PALETTES)
        for mark in sheet.marks:
            what, *rest = mark.thing.split(" ")
            if what in ("bar", "marker"):
                assert tuple(pixel(image, mark.point)) == palette[int(rest[0])], mark.thing
                seen.add(what)
    assert seen == {"bar", "marker"}


def test_ticks_are_on_the_axes() -> None:
    """A tick is one pixel of the axis' line, and its marks step along it."""
    for number in range(4):
        sheet, dice = chart_of(number)
        image = np.asarray(sheet.paint(), dtype=int)
        ink = np.array(draw_look(dice, FACES).ink)
        ticks = [mark for mark in sheet.marks if mark.thing.startswith("tick ")]
        assert len(ticks) >= 6
        for mark in ticks:
            x, y = mark.point
            outside = (round(x - 0.5), int(y) + 2) if mark.thing.startswith("tick x") else (int(x) - 2, round(y - 0.5))
            near = image[outside[1] - 1 : outside[1] + 2, outside[0] - 1 : outside[0] + 2].reshape(-1, 3)
            assert np.abs(near - ink).max(axis=1).min() < 60, mark.thing
