"""Drawing images: by seed, without replacement, in order, and what cannot be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.images import draw
from visionlaw.protocols import CaptionedImage, ImageRef


def image(place: int) -> CaptionedImage:
    return ImageRef(f"k{place:05d}", lambda: Image.new("RGB", (1, 1))), f"c{place}"


@dataclass
class ByPlace:
    """A source that counts what is read of it; some places are broken, some have no caption."""

    size: int
    broken: frozenset[int] = frozenset()
    silent: frozenset[int] = frozenset()
    read: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: int) -> CaptionedImage:
        self.read.append(place)
        if place in self.broken:
            raise DataError(f"'{place}.png' is broken.")
        ref, caption = image(place)
        return ref, " \n" if place in self.silent else caption

    def __iter__(self) -> Iterator[CaptionedImage]:
        raise AssertionError("what is read by place is not read through")


@dataclass
class InOrder:
    size: int
    says: int | None = None

    def __len__(self) -> int:
        return self.size if self.says is None else self.says

    def __iter__(self) -> Iterator[CaptionedImage]:
        return map(image, range(self.size))


@given(st.integers(1, 60), st.data())
def test_it_draws_n_distinct_images_in_order_and_few_are_a_part_of_many(size: int, data: st.DataObject) -> None:
    n, seed = data.draw(st.integers(1, size)), data.draw(st.integers(0, 2**32 - 1))
    source = ByPlace(size)
    drawn = draw(source, n, seed)
    keys = [ref.key for ref, _ in drawn]
    assert (len(drawn), len(set(keys)), keys) == (n, n, sorted(keys))
    assert len(source.read) == n, "nothing else is read"
    assert draw(InOrder(size), n, seed) == drawn
    assert set(keys) <= {ref.key for ref, _ in draw(ByPlace(size), size, seed)}
    if n > 1:
        assert {ref.key for ref, _ in draw(source, n - 1, seed)} < set(keys)


def test_every_image_is_as_likely() -> None:
    counts = [0] * 5
    for seed in range(2000):
        for ref, _ in draw(ByPlace(5), 2, seed):
            counts[int(ref.key[1:])] += 1
    assert all(720 < count < 880 for count in counts), counts


def test_the_version_is_that_of_content_and_captions() -> None:
    drawn = draw(ByPlace(50), 20)
    assert drawn.version == draw(InOrder(50), 20).version
    others = {draw(ByPlace(50), 20, 1).version, draw(ByPlace(50), 19).version}
    others.add(draw(ByPlace(50, silent=frozenset(range(50))), 20).version)
    assert len({drawn.version, *others}) == 4


def test_what_cannot_be_used_is_passed_over_and_told() -> None:
    whole = [ref.key for ref, _ in draw(ByPlace(40), 30)]
    lost = frozenset(int(key[1:]) for key in whole[:4])
    drawn = draw(ByPlace(40, broken=lost), 30)
    assert len(drawn) == 30
    assert set(whole[4:]) < {ref.key for ref, _ in drawn}
    assert sorted(drawn.left_out) == sorted(f"'{place}.png' is broken." for place in lost)
    captioned = draw(ByPlace(40, silent=lost), 30, captions=True, name="toys")
    assert [ref.key for ref, _ in captioned] == [ref.key for ref, _ in drawn]
    assert len(captioned.left_out) == 4
    assert re.fullmatch(r"Image \d+ of toys has no caption\.", captioned.left_out[0])
    assert draw(ByPlace(40, silent=lost), 30).left_out == ()


@pytest.mark.parametrize(
    ("source", "n", "captions", "says"),
    [
        (ByPlace(40), 41, False, r"'toys' has 40 images, and 41 .* images = 40 under \[alignment\] .*, or -n 40\."),
        (ByPlace(1), 2, False, r"'toys' has 1 image, and"),
        (ByPlace(0), 1, False, r"has 0 images, .* Give a source that has some"),
        (ByPlace(4), 0, False, r"0 images cannot be drawn"),
        (ByPlace(9, frozenset({1, 2})), 8, False, r"has 7 images that can be used, .* '[12]\.png' is broken\."),
        (ByPlace(9, silent=frozenset(range(9))), 8, True, r"has 0 images that can be used, .* has no caption\."),
        (InOrder(5, says=9), 9, False, r"'toys' says that it has 9 images, and ends before"),
    ],
)
def test_too_few_images_are_one_sentence(source: ByPlace | InOrder, n: int, captions: bool, says: str) -> None:
    with pytest.raises(DataError, match=says):
        draw(source, n, captions=captions, name="toys")
