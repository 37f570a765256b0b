"""Photographs to measure with: crops of scikit-image's, as JPEG files of the size that data sets have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

SIZE = (500, 375)


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Write so many different JPEG files of 500×375 pixels and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    originals = [Image.fromarray(pixels) for pixels in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())]
    rng = np.random.default_rng(0)
    paths: list[Path] = []
    for number in range(count):
        original = originals[number % len(originals)]
        share = 0.6 + 0.4 * rng.random()
        left, top = rng.random(2) * (1 - share)
        width, height = original.size
        box = (int(left * width), int(top * height), int((left + share) * width), int((top + share) * height))
        paths.append(folder / f"{number:05d}.jpg")
        original.crop(box).resize(SIZE).save(paths[-1], quality=90)
    return paths
