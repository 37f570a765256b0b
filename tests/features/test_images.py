from __future__ import annotations

import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, ExifTags, Image, ImageCms

from visionlaw.errors import DataError
from visionlaw.features import images as images_module
from visionlaw.features.images import SUFFIXES, image_ref, image_size, list_images, load_image
from visionlaw.features.sources import read_sources

WHITE = (255, 255, 255)


def photo(size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (16, 8)) -> Image.Image:
    return Image.new("RGB", size, colour)


def save(path: Path, image: Image.Image, form: str | None = None, **options: object) -> Path:
    image.save(path, form, **options)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def truncated(path: Path, form: str) -> Path:
    content = encoded(photo((300, 200)), form)
    return written(path, content[: len(content) // 2])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of raw rows: bit depths and chunks that Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def huge_png(path: Path, width: int, height: int) -> Path:
    """A valid header that claims a size; hardly any data behind it."""
    return written(path, png(width, height, 8, 2, b"\0" * 1000))


def tiff(
    levels: np.ndarray, bits: int, *, white_is_zero: bool = False, strip: bytes | None = None, software: int = 0
) -> bytes:
    """An uncompressed TIFF ``[H, W]`` or ``[H, W, 3]``: depths and tags that Pillow does not write."""
    height, width, *channels = levels.shape
    count = channels[0] if channels else 1
    strip = levels.astype("<u2").tobytes() if strip is None else strip
    at = 8 + 2 + 10 * 12 + 4
    sizes = struct.pack(f"<{count}H", *[bits] * count)
    fields = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, count, at if count > 2 else bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2 if count == 3 else 0 if white_is_zero else 1),
        (273, 4, 1, at + len(sizes)),
        (277, 3, 1, count),
        (278, 4, 1, height),
        (279, 4, 1, len(strip)),
        (305, 2, max(software, 1), 10**6 if software else 0),
    ]
    directory = b"".join(struct.pack("<HHII", *field) for field in fields)
    return b"II*\0" + struct.pack("<IH", 8, 10) + directory + b"\0" * 4 + sizes + strip


def without_adobe_marker(jpeg: bytes) -> bytes:
    """Cut out the APP14 segment, by which Adobe says that CMYK is inverted."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0] :]


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = orientation
    return data


def stored_for(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels that a camera stores for an upright scene, from the definition of the eight orientations.

    By EXIF 2.3 the stored row 0 and column 0 lie at: 1 top left, 2 top right, 3 bottom right, 4 bottom left,
    5 left top, 6 right top, 7 right bottom, 8 left bottom.
    """
    scene = np.asarray(upright)
    if orientation >= 5:  # rows are stored from columns
        scene = scene.transpose(1, 0, 2)
    row_flips = {3, 4} | {6, 7}
    column_flips = {2, 3} | {7, 8}
    if orientation in row_flips:
        scene = scene[::-1]
    if orientation in column_flips:
        scene = scene[:, ::-1]
    return Image.fromarray(np.ascontiguousarray(scene))


def frames(path: Path, form: str) -> Path:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    first, *rest = [flat(colour) for colour in colours]
    options = {"lossless": True} if form == "WEBP" else {}
    return save(path, first, form, save_all=True, append_images=rest, duration=50, **options)


def palette(path: Path, **options: object) -> Path:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 0, 180])
    image.putpixel((1, 0), 1)
    return save(path, image, **options)


def pixels(*rows: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(rows)


def clear(mode: str) -> Image.Image:
    image = Image.new(mode, (2, 1), {"RGBA": (10, 20, 30, 255), "LA": (10, 255)}[mode])
    image.putpixel((1, 0), {"RGBA": (10, 20, 30, 0), "LA": (10, 0)}[mode])
    return image


def other_profile() -> bytes:
    """A profile that is not sRGB's."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()


SCENE = photo((5, 3))
TWO_COLOURS = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
GREY_16 = np.array([[0, 128 * 257, 65535], [257, 300, 65000]])
GREY_8 = np.repeat(np.array([[0, 128, 255], [1, 1, 253]])[..., None], 3, axis=2)
RGB_16 = np.array([[[65535, 0, 32896], [257, 514, 771]]])
BOMB = zlib.compress(b"x" * 50_000_000)

Make = Callable[[Path], Path]
HANDLED: dict[str, tuple[Make, np.ndarray, int]] = {
    # kind: how to make it in a folder, its pixels, how far off a level may be
    "16-bit grey PNG": (
        lambda d: save(d / "a.png", Image.fromarray(GREY_16.astype(np.uint16))),
        GREY_8,
        0,
    ),
    "16-bit grey PNG with a clear level": (
        lambda d: written(
            d / "a.png",
            png(2, 1, 16, 0, b"\0" + struct.pack(">HH", 257, 514), chunk(b"tRNS", struct.pack(">H", 514))),
        ),
        pixels([(1, 1, 1), WHITE]),
        0,
    ),
    "16-bit grey TIFF": (lambda d: written(d / "a.tif", tiff(GREY_16, 16)), GREY_8, 0),
    "16-bit grey TIFF, white is zero": (
        lambda d: written(d / "a.tif", tiff(65535 - GREY_16, 16, white_is_zero=True)),
        GREY_8,
        0,
    ),
    "12-bit grey TIFF": (
        lambda d: written(d / "a.tif", tiff(np.zeros((1, 2)), 12, strip=b"\xff\xf8\x00")),
        pixels([WHITE, (128, 128, 128)]),
        1,
    ),
    "16-bit grey PGM": (
        lambda d: written(d / "a.pgm", b"P5 3 2 65535\n" + GREY_16.astype(">u2").tobytes()),
        GREY_8,
        0,
    ),
    "16-bit RGB PNG": (
        lambda d: written(d / "a.png", png(2, 1, 16, 2, b"\0" + RGB_16.astype(">u2").tobytes())),
        np.round(RGB_16 / 257),
        1,
    ),
    "16-bit RGB TIFF": (lambda d: written(d / "a.tif", tiff(RGB_16, 16)), np.round(RGB_16 / 257), 1),
    "palette": (lambda d: palette(d / "a.png"), pixels([(200, 0, 0), (0, 0, 180)]), 0),
    "palette with a clear colour": (
        lambda d: palette(d / "a.png", transparency=1),
        pixels([(200, 0, 0), WHITE]),
        0,
    ),
    "palette with half-clear colours": (
        lambda d: palette(d / "a.png", transparency=b"\xff\x80"),
        pixels([(200, 0, 0), (127, 127, 217)]),
        1,
    ),
    "RGBA": (lambda d: save(d / "a.png", clear("RGBA")), pixels([(10, 20, 30), WHITE]), 0),
    "grey with alpha": (lambda d: save(d / "a.png", clear("LA")), pixels([(10, 10, 10), WHITE]), 0),
    "RGB with a clear colour": (
        lambda d: save(d / "a.png", TWO_COLOURS, transparency=(4, 5, 6)),
        pixels([(1, 2, 3), WHITE]),
        0,
    ),
    "1 bit": (
        lambda d: save(d / "a.png", Image.fromarray(np.array([[True, False]]))),
        pixels([WHITE, (0, 0, 0)]),
        0,
    ),
    "CMYK JPEG": (
        lambda d: save(d / "a.jpg", Image.new("CMYK", (16, 8), (0, 255, 255, 0)), quality=100),
        levels(flat((255, 0, 0))),
        3,
    ),
    "CMYK JPEG without Adobe's marker": (
        lambda d: written(
            d / "a.jpg",
            without_adobe_marker(encoded(Image.new("CMYK", (16, 8), (0, 255, 255, 0)), "JPEG", quality=100)),
        ),
        levels(flat((255, 0, 0))),
        3,
    ),
    "CMYK TIFF": (
        lambda d: save(d / "a.tif", Image.new("CMYK", (16, 8), (255, 0, 255, 0))),
        levels(flat((0, 255, 0))),
        0,
    ),
    "Lab TIFF": (
        lambda d: save(d / "a.tif", flat((200, 30, 60)).convert("LAB")),
        levels(flat((200, 30, 60))),
        3,
    ),
    "YCbCr JPEG": (lambda d: save(d / "a.jpg", flat((200, 30, 60)), quality=100), levels(flat((200, 30, 60))), 3),
    **{
        f"EXIF orientation {n} in {form}": (
            lambda d, n=n, form=form: save(d / f"a.{form}", stored_for(SCENE, n), exif=exif(n)),
            levels(SCENE),
            0,
        )
        for form in ("png", "tiff")
        for n in range(1, 9)
    },
    "an impossible EXIF orientation": (lambda d: save(d / "a.png", SCENE, exif=exif(77)), levels(SCENE), 0),
    "corrupt EXIF": (
        lambda d: save(d / "a.png", SCENE, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03"),
        levels(SCENE),
        0,
    ),
    "corrupt EXIF in a JPEG": (
        lambda d: save(d / "a.jpg", flat((0, 0, 0)), exif=b"Exif\0\0" + b"\xff" * 40),
        levels(flat((0, 0, 0))),
        0,
    ),
    "a tag of a TIFF that lies beyond its end": (
        lambda d: written(d / "a.tif", tiff(GREY_16, 16, software=9999)),
        GREY_8,
        0,
    ),
    "animated GIF": (lambda d: frames(d / "a.gif", "GIF"), levels(flat((200, 0, 0))), 0),
    "animated PNG": (lambda d: frames(d / "a.png", "PNG"), levels(flat((200, 0, 0))), 0),
    "animated WebP": (lambda d: frames(d / "a.webp", "WEBP"), levels(flat((200, 0, 0))), 0),
    "TIFF of several pages": (
        lambda d: save(d / "a.tif", SCENE, save_all=True, append_images=[flat((9, 9, 9))]),
        levels(SCENE),
        0,
    ),
    "1×1": (lambda d: save(d / "a.png", flat((1, 2, 3), (1, 1))), pixels([(1, 2, 3)]), 0),
    "30,000×2": (lambda d: save(d / "a.png", photo((30_000, 2))), levels(photo((30_000, 2))), 0),
    "2×30,000": (lambda d: save(d / "a.png", photo((2, 30_000))), levels(photo((2, 30_000))), 0),
    "PNG named .jpg": (lambda d: save(d / "a.jpg", SCENE, "PNG"), levels(SCENE), 0),
    "ICC profile": (lambda d: save(d / "a.png", SCENE, icc_profile=other_profile()), levels(SCENE), 0),
    "corrupt ICC profile": (lambda d: save(d / "a.png", SCENE, icc_profile=b"\xff" * 99), levels(SCENE), 0),
    "a link to a file": (lambda d: link(d / "a.png", save(d / "b.png", SCENE)), levels(SCENE), 0),
}
REFUSED: dict[str, tuple[Make, str]] = {
    "missing": (lambda d: d / "none.png", "does not exist"),
    "below a file": (lambda d: save(d / "a.png", SCENE) / "b.png", "does not exist"),
    "a name with a zero byte": (lambda d: d / "a\0.png", "There can be no file"),
    "a name that is too long": (lambda d: d / ("a" * 999 + ".png"), "cannot be read: File name too long"),
    "zero bytes": (lambda d: written(d / "a.png", b""), "is empty"),
    "text": (lambda d: written(d / "a.jpg", b"hello"), "is not an image of a known format"),
    "web page": (lambda d: written(d / "a.jpg", b"<!DOCTYPE html><p>404"), "is a web page, not an image"),
    "Git LFS pointer": (
        lambda d: written(d / "a.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "is a Git LFS pointer",
    ),
    "HEIC": (lambda d: written(d / "a.heic", b"\0\0\0\x18ftypheic\0\0\0\0"), "is a HEIC image, which is not supported"),
    "AVIF": (
        lambda d: written(d / "a.avif", b"\0\0\0\x1cftypavif\0\0\0\0"),
        "is an AVIF image, which",
    ),
    "SVG": (
        lambda d: written(d / "a.svg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
        "is an SVG drawing, which is not supported",
    ),
    "JPEG 2000": (lambda d: save(d / "a.jp2", SCENE), "is a JPEG 2000 image, which is not supported"),
    "truncated JPEG": (lambda d: truncated(d / "a.jpg", "JPEG"), "truncated or broken"),
    "truncated PNG": (lambda d: truncated(d / "a.png", "PNG"), "truncated or broken"),
    "truncated GIF": (lambda d: truncated(d / "a.gif", "GIF"), "truncated or broken"),
    "truncated TIFF": (lambda d: truncated(d / "a.tif", "TIFF"), "truncated or broken|cannot be read|not an image"),
    "truncated BMP": (lambda d: truncated(d / "a.bmp", "BMP"), "truncated or broken"),
    "truncated WebP": (lambda d: truncated(d / "a.webp", "WEBP"), "cannot be read|truncated or broken|not an image"),
    "a header and no more": (lambda d: written(d / "a.jpg", b"\xff\xd8\xff\xe0"), "cannot be read|not an image"),
    "floating-point TIFF": (lambda d: save(d / "a.tiff", Image.new("F", (4, 4))), "holds floating-point values"),
    "32-bit TIFF": (lambda d: save(d / "a.tiff", Image.new("I", (4, 4), 9)), "holds integers beyond 16 bits"),
    "a bomb that is wide": (lambda d: huge_png(d / "a.png", 100_000, 10), "100,000 × 10 pixels"),
    "a bomb of 108 million pixels": (lambda d: huge_png(d / "a.png", 12_000, 9_000), "12,000 × 9,000 pixels"),
    "a bomb of gigapixels": (lambda d: huge_png(d / "a.png", 100_000, 100_000), "far too many pixels"),
    "a bomb in the text of a PNG": (
        lambda d: written(d / "a.png", png(1, 1, 8, 2, b"\0" * 4, chunk(b"zTXt", b"k\0\0" + BOMB))),
        "cannot be read: Decompressed data too large",
    ),
    "a bomb in the profile of a PNG": (
        lambda d: written(d / "a.png", png(1, 1, 8, 2, b"\0" * 4, chunk(b"iCCP", b"k\0\0" + BOMB))),
        "cannot be read: Decompressed data too large",
    ),
    "a folder": (lambda d: folder(d / "x.jpg"), "is a folder"),
    "a broken link": (lambda d: link(d / "a.png", d / "gone.png"), "is a link to a file that does not exist"),
    "a link to itself": (lambda d: link(d / "a.png", d / "a.png"), "leads back to itself"),
    "a named pipe": (lambda d: pipe(d / "a.png"), "is not a regular file"),
    "a device": (lambda d: link(d / "a.png", Path("/dev/zero")), "is not a regular file"),
}


def link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def through_sources(path: Path) -> Image.Image:
    (source,) = read_sources([path])
    return source.open().load()


@pytest.fixture(params=[load_image, through_sources], ids=["load_image", "read_sources"])
def load(request: pytest.FixtureRequest) -> Callable[[Path], Image.Image]:
    return request.param


@pytest.mark.parametrize("kind", HANDLED)
def test_what_can_be_shown_has_the_right_pixels(tmp_path: Path, load: Callable[[Path], Image.Image], kind: str) -> None:
    make, expected, tolerance = HANDLED[kind]
    loaded = load(make(tmp_path))
    assert loaded.mode == "RGB"
    found = np.asarray(loaded).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_is_one_sentence_that_names_it(
    tmp_path: Path, load: Callable[[Path], Image.Image], kind: str
) -> None:
    make, says = REFUSED[kind]
    path = make(tmp_path)
    with pytest.raises(DataError, match=says) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.message.endswith(".")
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_bad_images_say_nothing_else(tmp_path: Path) -> None:
    """A decoder's warnings, of which there is one for every other bad file, would bury the list of reasons."""
    code = (
        "import sys; from visionlaw.features.images import load_image; from visionlaw.errors import DataError\n"
        "for path in sys.argv[1:]:\n"
        "    try: load_image(path)\n"
        "    except DataError: pass\n"
    )
    paths = []
    for number, make in enumerate([make for make, *_ in (*HANDLED.values(), *REFUSED.values())]):
        (tmp_path / str(number)).mkdir()
        path = make(tmp_path / str(number))
        if "\0" not in str(path):
            paths.append(str(path))
    run = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert run.stderr == run.stdout == ""


def test_warnings_elsewhere_are_still_given(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", SCENE)
    load_image(path)
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """An image that this process may not read, with the right to list its folder."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    path = save(place / "a.png", SCENE)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything
        os.seteuid(65534)
    yield path
    os.seteuid(user)
    shutil.rmtree(place)


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
def test_an_image_that_may_not_be_read_says_so(forbidden: Path, load: Callable[[Path], Image.Image]) -> None:
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        load(forbidden)


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_module, "MAX_BYTES", 100)
    path = save(tmp_path / "a.png", photo())
    with pytest.raises(DataError, match="is larger than"):
        load_image(path)


def test_content_of_another_format_starts_no_other_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow goes by content: PostScript called .png would be handed to Ghostscript, which runs programs."""
    buffer = io.BytesIO()
    photo().save(buffer, "EPS")
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *call, **_: started.append(call))
    with pytest.raises(DataError, match="PostScript document, not an image"):
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


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_the_size_comes_from_the_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    Image.new("1" if suffix == ".pbm" else "L" if suffix == ".pgm" else "RGB", (30, 20)).save(path)

    assert image_size(path) == load_image(path).size == (30, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_image(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", (30, 20)).save(tmp_path / "image.jpg", exif=exif)

    assert image_size(tmp_path / "image.jpg") == load_image(tmp_path / "image.jpg").size


def test_a_cut_image_still_has_a_size(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "image.ppm")
    (tmp_path / "image.ppm").write_bytes((tmp_path / "image.ppm").read_bytes()[:50])

    assert image_size(tmp_path / "image.ppm") == (300, 200)


@pytest.mark.parametrize("content", [b"", b"P6\n99999 99999\n255\n", b"<html>", b"%!PS"])
def test_what_has_no_size_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.ppm").write_bytes(content)

    with pytest.raises(DataError, match=r"bad\.ppm") as of_header:
        image_size(tmp_path / "bad.ppm")
    with pytest.raises(DataError) as of_pixels:
        load_image(tmp_path / "bad.ppm")
    assert str(of_header.value) == str(of_pixels.value)
