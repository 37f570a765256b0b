from __future__ import annotations

import io
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from visionlaw.errors import DataError
from visionlaw.features.images import SUFFIXES, image_ref, list_images, load_image


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def huge_png(path: Path, width: int, height: int) -> Path:
    """A valid header that claims a size; hardly any data behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b""))
    return path


def photo(size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def truncated(path: Path, form: str) -> Path:
    buffer = io.BytesIO()
    photo((300, 200)).save(buffer, form)
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d: d / "none.png", "does not exist"),
        (lambda d: d, "is a folder"),
        (lambda d: written(d / "zero.png", b""), "empty"),
        (lambda d: written(d / "text.png", b"hello"), "not an image"),
        (lambda d: truncated(d / "cut.jpg", "JPEG"), "truncated or broken"),
        (lambda d: truncated(d / "cut.png", "PNG"), "truncated or broken"),
        (lambda d: truncated(d / "cut.webp", "WEBP"), "cannot be read|truncated or broken|not an image"),
        (lambda d: huge_png(d / "wide.png", 100_000, 10), "100,000 × 10 pixels"),
        (lambda d: huge_png(d / "big.png", 12_000, 9_000), "12,000 × 9,000 pixels"),
        (lambda d: huge_png(d / "bomb.png", 100_000, 100_000), "pixels"),
        (lambda d: save(d / "f.tiff", Image.new("F", (4, 4))), "floating-point"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(tmp_path: Path, make, says: str) -> None:
    path = make(tmp_path)
    with pytest.raises(DataError, match=says) as caught:
        load_image(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_content_of_another_format_starts_no_other_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow goes by content: PostScript called .png would be handed to Ghostscript, which runs programs."""
    buffer = io.BytesIO()
    photo().save(buffer, "EPS")
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *call, **_: started.append(call))
    with pytest.raises(DataError, match="not an image"):
        load_image(written(tmp_path / "cat.png", buffer.getvalue()))
    assert started == []


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_listed_kind_is_loaded_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", photo().convert("L"))
    assert load_image(path).size == (40, 30)
    assert load_image(path.rename(tmp_path / "a.png")).size == (40, 30)


def test_a_photograph_with_a_second_view_is_its_first(tmp_path: Path) -> None:
    """Cameras write such files (MPO) and call them .jpg."""
    path = tmp_path / "camera.jpg"
    photo().save(path, "MPO", save_all=True, append_images=[photo((20, 20))])
    assert load_image(path).size == (40, 30)


@pytest.mark.skipif(os.name == "nt", reason="no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="not a regular file"):
        load_image(tmp_path / "pipe.png")


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    stored = Image.new("RGB", (20, 10), "black")
    stored.paste((255, 0, 0), (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    upright = load_image(save(tmp_path / "turned.png", stored, exif=exif))
    assert upright.size == (10, 20)
    assert upright.getpixel((9, 0)) == (255, 0, 0)


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    deep = Image.fromarray(np.array([[0, 128 * 257], [65535, 257]], dtype=np.uint16))
    loaded = np.asarray(load_image(save(tmp_path / "deep.png", deep)))
    assert loaded[..., 0].tolist() == [[0, 128], [255, 1]]

    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    clear.putpixel((1, 0), (10, 20, 30, 0))
    loaded = load_image(save(tmp_path / "clear.png", clear))
    assert [loaded.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (255, 255, 255)]

    palette = Image.new("RGB", (2, 1), (200, 0, 0)).convert("P")
    assert load_image(save(tmp_path / "p.png", palette)).getpixel((0, 0))[0] > 150

    for mode in ("1", "L", "LA", "CMYK", "YCbCr"):
        suffix = "jpg" if mode in ("CMYK", "YCbCr") else "png"
        image = load_image(save(tmp_path / f"{mode}.{suffix}", photo().convert(mode)))
        assert (image.mode, image.size) == ("RGB", (40, 30))


def test_images_are_listed_sorted_and_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in list_images(tmp_path)] == ["a.png", "b.JPG"]


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        list_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file"):
        list_images(tmp_path / "notes.txt")


def test_the_key_of_an_image_is_its_content(tmp_path: Path) -> None:
    one = image_ref(save(tmp_path / "one.png", photo()))
    same = image_ref(save(tmp_path / "same.png", photo()))
    other = image_ref(save(tmp_path / "other.png", photo((41, 30))))
    assert one.key == same.key != other.key
    assert one.load().size == (40, 30)


def test_a_reference_can_be_sent_to_another_process_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.png", photo())
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(image_ref("a.png"))
    monkeypatch.chdir("/")
    assert pickle.loads(sent).load().size == (40, 30)
