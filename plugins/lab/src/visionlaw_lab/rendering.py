"""Drawing a scene: handwritten digits of scikit-learn, shapes and words before a background, 112×112 pixels."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from visionlaw.protocols import ImageRef
from visionlaw_lab.names import DIGITS, SIDE, Split
from visionlaw_lab.scenes import Background, Item, Scene

RGB: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (40, 90, 220),
    "yellow": (236, 206, 32),
    "purple": (150, 60, 190),
    "orange": (245, 130, 30),
}
FINE = 4  # Shapes are drawn so many times larger and averaged down.
TEST_SHARE = 4  # Every fourth sample of each digit is for testing.
NOISE = 4.0  # Standard deviation of the noise of every pixel, of 255.

Mask = NDArray[np.float32]  # [SIDE, SIDE], 0–1


def render(scene: Scene) -> Image.Image:
    """Draw a scene as an RGB image of 112×112 pixels, the same bytes each time."""
    rng = np.random.default_rng(scene.background.seed)
    pixels = _background(scene.background, rng)
    for item in scene.items:
        mask = _mask(item, scene.split)[..., None]
        pixels = pixels * (1 - mask) + np.array(RGB[item.colour], np.float32) * mask
    pixels += rng.standard_normal(pixels.shape, dtype=np.float32) * NOISE
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def scene_ref(scene: Scene) -> ImageRef:
    """Refer to a scene's picture by the digest of what is in it."""
    return ImageRef(f"lab-scene;{scene.digest}", partial(render, scene))


def digit_samples(split: Split) -> tuple[NDArray[np.float32], ...]:
    """Return the handwritten samples of each digit, ``[n, 8, 8]`` in 0–1; no sample is in both splits."""
    return _digits()[split]


@cache
def _digits() -> dict[Split, tuple[NDArray[np.float32], ...]]:
    from sklearn.datasets import load_digits

    pixels, names = load_digits(return_X_y=True)
    images = np.asarray(pixels, np.float32).reshape(-1, 8, 8) / np.float32(16)
    found: dict[Split, list[NDArray[np.float32]]] = {"train": [], "test": []}
    for digit in range(len(DIGITS)):
        samples = images[names == digit]
        test = np.arange(len(samples)) % TEST_SHARE == TEST_SHARE - 1
        found["train"].append(samples[~test])
        found["test"].append(samples[test])
    return {split: tuple(samples) for split, samples in found.items()}


def _mask(item: Item, split: Split) -> Mask:
    if item.kind == "digit":
        samples = digit_samples(split)[DIGITS.index(item.name)]
        return _pasted(_digit(samples[item.sample % len(samples)], item.size), item)
    side = SIDE * FINE
    canvas = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(canvas)
    x, y, half = ((value + 0.5) * FINE for value in (item.x, item.y, item.size / 2 - 0.5))
    if item.kind == "word":
        draw.text((x, y), item.name, fill=255, font=_font(item.size * FINE), anchor="mm", stroke_width=FINE // 2)
    elif item.name == "circle":
        draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
    elif item.name == "square":
        draw.rectangle((x - half * 0.9, y - half * 0.9, x + half * 0.9, y + half * 0.9), fill=255)
    elif item.name == "triangle":
        draw.polygon([(x, y - half), (x + half, y + half), (x - half, y + half)], fill=255)
    else:
        bar = half * 0.34
        draw.rectangle((x - half, y - bar, x + half, y + bar), fill=255)
        draw.rectangle((x - bar, y - half, x + bar, y + half), fill=255)
    return np.asarray(canvas.reduce(FINE), np.float32) / 255.0


def _digit(sample: NDArray[np.float32], size: int) -> Mask:
    """Enlarge an 8×8 sample to a soft mask with a crisp edge."""
    large = Image.fromarray(sample).resize((size, size), Image.Resampling.BICUBIC)
    return np.clip((np.asarray(large, np.float32) - np.float32(0.25)) * np.float32(2.5), 0, 1)


def _pasted(small: Mask, item: Item) -> Mask:
    mask = np.zeros((SIDE, SIDE), np.float32)
    top, left = (round(value + 0.5 - item.size / 2) for value in (item.y, item.x))
    top, left = (min(max(0, value), SIDE - item.size) for value in (top, left))
    mask[top : top + item.size, left : left + item.size] = small
    return mask


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _background(background: Background, rng: np.random.Generator) -> NDArray[np.float32]:
    base, other = (np.array(colour, np.float32) for colour in (background.base, background.other))
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    angle, period = rng.uniform(0, 2 * np.pi), rng.uniform(3, 9)
    along = x * np.cos(angle) + y * np.sin(angle)
    if background.texture == "plain":
        share = np.zeros_like(x)
    elif background.texture == "noise":
        coarse = Image.fromarray(rng.random((14, 14), dtype=np.float32))
        share = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    elif background.texture == "stripes":
        share = 0.5 + 0.5 * np.sin(2 * np.pi * period * along)
    elif background.texture == "gradient":
        share = (along - along.min()) / np.ptp(along)
    else:
        share = ((np.floor(x * period) + np.floor(y * period)) % 2).astype(np.float32)
    return (base + (other - base) * share[..., None]).astype(np.float32)
