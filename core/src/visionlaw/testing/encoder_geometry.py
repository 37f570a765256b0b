"""Checks of an encoder's preprocessing: its input, and the geometry that ties tokens to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from visionlaw.errors import VisionlawError
from visionlaw.features.geometry import Geometry
from visionlaw.testing.checks import check, fail
from visionlaw.testing.encoder_bench import SIZES, Bench, bench_of, photograph
from visionlaw.testing.subjects import Subject

PIXELS = 0.5
"""The largest error of a position that went to the grid and back."""
DOT_PIXELS = 0.25
"""The largest error of a position drawn into an image: corner-based coordinates are off by half a pixel."""
MODES = ("1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16")
ODD_SIZES = ((1, 1), (1, 400), (400, 1), (2, 3), (1500, 20))
THREADS = 4


@check("input", "encoder", needs=("loads",))
def preprocessed(subject: Subject) -> None:
    """``preprocess`` makes a float tensor ``[3, S, S]`` and a geometry of the image's size and the declared grid."""
    bench = bench_of(subject)
    side, declared = bench.spec.resolution, bench.spec.grid
    for image in bench.images:
        made, geometry = bench.encoder.preprocess(image)
        if tuple(made.shape) != (3, side, side) or not made.dtype.is_floating_point:
            fail(
                f"'{subject.name}' makes an input {tuple(made.shape)} of {made.dtype}, not floats (3, {side}, {side}).",
                "visionlaw.features.preprocess.prepare makes it.",
            )
        if geometry.image_size != image.size or geometry.grid != declared:
            fail(
                f"'{subject.name}' says that the image is {geometry.image_size} and its tokens {geometry.grid}, where "
                f"the image is {image.size} and the declared grid {declared}.",
                "Return the geometry that visionlaw.features.preprocess.prepare returns.",
            )


@check("same-input", "encoder", needs=("input",))
def same_input(subject: Subject) -> None:
    """Preprocessing leaves the image as it is and makes the same input of it each time."""
    bench = bench_of(subject)
    for seed, size in enumerate(SIZES):
        image, before = photograph(size, seed), photograph(size, seed)
        first, second = (bench.encoder.preprocess(image)[0].clone() for _ in range(2))
        if image.tobytes() != before.tobytes():
            fail(f"'{subject.name}' changes the image that it is given.", "Work on a copy.")
        if not torch.equal(first, second):
            fail(
                f"'{subject.name}' makes another input of the same image each time.", "Crop and flip nothing at random."
            )


@check("threads", "encoder", needs=("same-input",))
def threads(subject: Subject) -> None:
    """Preprocessing in several threads at once gives what it gives in one."""
    bench = bench_of(subject)
    images = [photograph(SIZES[seed % len(SIZES)], seed) for seed in range(3 * THREADS)]
    alone = [bench.encoder.preprocess(image)[0].clone() for image in images]
    with ThreadPoolExecutor(THREADS) as pool:
        together = [made for made, _ in pool.map(bench.encoder.preprocess, images)]
    if not all(map(torch.equal, alone, together)):
        fail(f"'{subject.name}' mixes images up that are prepared at once.", "Keep no buffer between calls.")


@check("odd-images", "encoder", needs=("input",))
def odd_images(subject: Subject) -> None:
    """Images of every mode and of unusual shapes are prepared, or refused with one clear sentence."""
    bench = bench_of(subject)
    cases = [("of mode F", Image.new("F", (40, 30))), *((f"of mode {mode}", _of_mode(mode)) for mode in MODES)]
    cases += [(f"of {w}×{h} pixels", photograph((w, h), 7)) for w, h in ODD_SIZES]
    for what, image in cases:
        try:
            made, _ = bench.encoder.preprocess(image)
        except VisionlawError:
            continue
        except Exception as error:  # noqa: BLE001  a plugin raises anything
            fail(
                f"Preparing an image {what}, '{subject.name}' raised {type(error).__name__}: {error}.",
                "Raise visionlaw.errors.DataError, or leave modes to visionlaw.features.preprocess.prepare.",
            )
        if made.shape != bench.inputs.shape[1:] or not made.isfinite().all():
            fail(f"'{subject.name}' makes no proper input of an image {what}.", "Convert it to RGB and resize it.")


@check("geometry-round-trip", "encoder", needs=("input",))
def round_trip(subject: Subject) -> None:
    """From pixels to the grid and back, a position returns to within half a pixel."""
    bench = bench_of(subject)
    for image in bench.images:
        geometry = bench.geometry(image)
        points = np.random.default_rng(0).uniform(0, 1, (64, 2)) * (np.array(image.size) - 1)
        back = geometry.to_pixels(geometry.to_grid(points))
        worst = float(np.abs(back - points).max()) if np.isfinite(back).all() else float("inf")
        if worst > PIXELS:
            fail(
                f"In '{subject.name}', a position comes back {worst:.1f} pixels away from the grid.",
                "Use visionlaw.features.geometry.Geometry.",
            )


@check("geometry", "encoder", needs=("geometry-round-trip", "same-input"))
def geometry_of_input(subject: Subject) -> None:
    """The geometry says where a pixel's content is in the input: dots drawn at known positions are found there.

    Errors are in pixels of the image or of the input, whichever are larger, and at most a quarter of one.
    """
    bench = bench_of(subject)
    for size in SIZES:
        blank = Image.new("RGB", size, "black")
        geometry, base = bench.geometry(blank), bench.encoder.preprocess(blank)[0].clone()
        for share in ((0.5, 0.5), (0.38, 0.55), (0.6, 0.42)):
            drawn, point = _dot(size, share)
            seen = _centre((bench.encoder.preprocess(drawn)[0] - base).abs().sum(0))
            error = _error(bench, geometry, point, seen)
            if error > DOT_PIXELS:
                fail(
                    f"In '{subject.name}', what is at pixel ({point[0]:g}, {point[1]:g}) of a "
                    f"{size[0]}×{size[1]} image is {error:.1f} pixels from where its geometry says.",
                    "A token's centre is patch / 2 into its patch; take the geometry of "
                    "visionlaw.features.preprocess.prepare.",
                )


def _of_mode(mode: str) -> Image.Image:
    grey = photograph((60, 40), 5).convert("L")
    return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)


def _dot(size: tuple[int, int], share: Sequence[float]) -> tuple[Image.Image, NDArray[np.float64]]:
    """Return an image that is black but for a white square around a pixel, and that pixel (x, y)."""
    x, y = (int(length * part) for length, part in zip(size, share, strict=True))
    reach = min(size) // 24
    image = Image.new("RGB", size, "black")
    image.paste("white", (x - reach, y - reach, x + reach + 1, y + reach + 1))
    return image, np.array([x, y], dtype=np.float64)


def _centre(weight: torch.Tensor) -> NDArray[np.float64]:
    """Return the centre of mass (u, v) of ``[S, S]``, in input pixels from the centre of the first one."""
    rows, columns = weight.sum(1).double(), weight.sum(0).double()
    places = torch.arange(len(rows), dtype=torch.float64)
    return np.array([float((line * places).sum() / line.sum()) for line in (columns, rows)])


def _error(bench: Bench, geometry: Geometry, point: NDArray[np.float64], seen: NDArray[np.float64]) -> float:
    """Return how far a geometry's idea of a pixel is from where the pixel was seen in the input."""
    spec = bench.spec
    stride = spec.stride or spec.patch
    expected = geometry.to_grid(point) * stride + spec.patch / 2 - 0.5
    zoom = np.maximum(np.abs(np.asarray(geometry.scale)) * stride, 1)  # input pixels per image pixel
    return float(np.max(np.abs(expected - seen) / zoom))
