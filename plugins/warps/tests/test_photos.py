from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.protocols import ImageSource
from visionlaw_warps.photos import build, find_photos
from visionlaw_warps.plugin import visionlaw_image_sources

SPEC = next(iter(visionlaw_image_sources()))


def noise(path: Path, size: tuple[int, int] = (100, 80), mode: str = "RGB") -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_the_photographs_of_scikit_image_are_there_and_in_colour() -> None:
    source = build(SPEC)
    rows = list(source)

    assert isinstance(source, ImageSource)
    assert len(rows) == len(source) == 8
    for ref, caption in rows:
        image = ref.load()
        assert caption is None
        assert 64 <= min(image.size) <= max(image.size) <= 512
        red, _, blue = np.asarray(image, dtype=float).reshape(-1, 3).T
        assert np.abs(red - blue).max() > 30


def test_a_folder_is_searched_by_suffix_and_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.webp", ".hidden.png"):
        noise(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")

    assert [photo.name for photo in find_photos(tmp_path)] == ["a.JPG", "b.png", "c.webp"]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    noise(tmp_path / "a.png", mode=mode)

    assert find_photos(tmp_path)[0].load().mode == "RGB"


def test_large_images_shrink_and_small_ones_stay(tmp_path: Path) -> None:
    noise(tmp_path / "large.png", (1000, 500))
    noise(tmp_path / "small.png", (100, 80))

    assert [photo.load().size for photo in find_photos(tmp_path)] == [(512, 256), (100, 80)]


def test_the_key_follows_the_content(tmp_path: Path) -> None:
    noise(tmp_path / "a.png")
    noise(tmp_path / "b.png")
    (same, twin) = (ref.key for ref, _ in build(SPEC, tmp_path))
    noise(tmp_path / "b.png", (101, 80))
    (_, other) = (ref.key for ref, _ in build(SPEC, tmp_path))

    assert same == twin != other


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image") as caught:
        find_photos(tmp_path)
    assert caught.value.remedy


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere' does not exist"):
        find_photos(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [(100, 40), (2000, 100)])
def test_an_image_that_is_too_small_or_too_narrow(tmp_path: Path, size: tuple[int, int]) -> None:
    noise(tmp_path / "sliver.png", size)

    with pytest.raises(DataError, match=r"sliver\.png' is too small") as caught:
        find_photos(tmp_path)[0].load()
    assert caught.value.remedy


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"not a picture")

    with pytest.raises(DataError, match=r"bad\.png"):
        find_photos(tmp_path)[0].load()


def test_a_truncated_image(tmp_path: Path) -> None:
    path = noise(tmp_path / "cut.png", (300, 200))
    path.write_bytes(path.read_bytes()[:2000])

    with pytest.raises(DataError, match=r"cut\.png"):
        find_photos(tmp_path)[0].load()
