from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.protocols import ImageRef, Pair
from visionlaw.report.gallery import file_stem
from visionlaw.report.matches import Matched, best_and_worst, contact_sheet, pair_picture, save_png

GREEN, RED = (18, 183, 106), (240, 68, 56)


def matched(name: str, errors: list[float], category: str = "", size: tuple[int, int] = (200, 150)) -> Matched:
    points = np.random.default_rng(len(errors)).uniform(20, 130, (len(errors), 2))
    image = ImageRef(name, lambda: Image.new("RGB", size, "#3060a0"))
    pair = Pair(name, image, image, points, points, 50.0, category)
    found = points + np.array(errors)[:, None] * (50, 0)
    return Matched(pair, found, np.array(errors))


def colours(picture: Image.Image) -> set[tuple[int, int, int]]:
    """The colours of the photographs' part of a picture, above the legend."""
    pixels = np.asarray(picture.crop((0, 80, picture.width, picture.height - 60))).reshape(-1, 3)
    return {tuple(colour) for colour in np.unique(pixels, axis=0).tolist()}


def test_right_ones_are_green_and_missed_ones_red() -> None:
    assert GREEN in colours(pair_picture(matched("a", [0.0]), "toy/a@64", 0.1))
    assert RED not in colours(pair_picture(matched("a", [0.0]), "toy/a@64", 0.1))
    assert RED in colours(pair_picture(matched("a", [0.4]), "toy/a@64", 0.1))
    assert GREEN not in colours(pair_picture(matched("a", [0.4]), "toy/a@64", 0.1))


@pytest.mark.parametrize("size", [(200, 150), (3000, 40), (30, 2000), (5, 5)])
def test_any_shape_of_image_and_length_of_name_fits(size: tuple[int, int]) -> None:
    one = matched("a" * 300, [0.0, 0.3], size=size)
    picture = pair_picture(one, " + ".join(["family/a-rather-long-name@224"] * 12), 0.1, width=900)
    assert picture.width == 900
    assert picture.height < 1200
    assert contact_sheet("toy/a@64", 50.0, [one], [], 0.1, width=1000).width == 1000


def test_best_and_worst_never_share_a_pair_and_vary_the_category() -> None:
    pairs = [matched(f"{c}{i}", [0.0] * i + [0.5] * (9 - i), c) for c in "xy" for i in range(9)]
    best, worst = best_and_worst(pairs, 0.1, 2)
    assert [m.pair.id for m in best] == ["x8", "y8"]
    assert {m.pair.id for m in worst} == {"x0", "y0"}
    best, worst = best_and_worst(pairs[:3], 0.1, 4)
    assert len(best) == 1
    assert not {m.pair.id for m in best} & {m.pair.id for m in worst}
    assert best_and_worst(pairs[:1], 0.1, 4)[1] == []


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    picture = Image.new("RGB", (20, 20))
    path = save_png(picture, tmp_path / "new" / "a.png")
    with Image.open(path) as written:
        assert written.size == (20, 20)
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]
    with pytest.raises(DataError, match="cannot be written"):
        save_png(picture, path / "b.png")


def test_file_names_are_safe_and_distinct() -> None:
    names = [
        "a/b-c@1",
        "a-b/c@1",
        "a/b@224",
        "a/b@224 + c/d@336?layer=-2",
        "a/" + "x" * 200 + "@1",
        "a/" + "x" * 201 + "@1",
    ]
    stems = [file_stem(name, name) for name in names]
    assert len(set(stems)) == len(names)
    assert file_stem("a", "one protocol") != file_stem("a", "another")
    assert all(len(s) < 100 and not set(s) & set('/\\:*?"<>| ') for s in stems)
