"""A miniature of the release: three sequences, each photograph really the reference under its homography."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visionlaw.specs import DatasetSpec

COARSE = 5
"""Pixels per value of the noise that a sequence shows: what is resampled between pixels stays alike."""
DIMMER = 0.08
"""Share of the light that each next photograph of a sequence has lost."""
NOTHING = np.eye(3)
SHIFT = np.array([[1.0, 0.0, 6.5], [0.0, 1.0, -4.25], [0.0, 0.0, 1.0]])
TILT = np.array([[1.04, 0.03, -5.0], [-0.02, 0.98, 3.0], [1e-4, -5e-5, 1.0]])
_CENTRE = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
"""From positions that count from the first pixel's centre to Pillow's, which count from its corner."""


def write(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Write the sequences into a folder: landscape, portrait and square."""
    write_sequence(folder / "v_wall", (160, 100), SHIFT)
    write_sequence(folder / "v_box", (96, 96), TILT)
    write_sequence(folder / "i_dome", (80, 112), NOTHING)
    return spec


def write_sequence(folder: Path, size: tuple[int, int], homography: NDArray[np.float64]) -> None:
    """Write six photographs, each darker than the one before, and the five homographies, all the same."""
    folder.mkdir(parents=True)
    reference = _photograph(folder.name, size)
    reference.save(folder / "1.ppm")
    back = _CENTRE @ np.linalg.inv(homography) @ np.linalg.inv(_CENTRE)
    back = back / back[2, 2]
    seen = reference.transform(
        size, Image.Transform.PERSPECTIVE, back.ravel()[:8].tolist(), Image.Resampling.BICUBIC, fillcolor="black"
    )
    for number in range(2, 7):
        seen.point(lambda value, n=number: round(value * (1 - DIMMER * (n - 1)))).save(folder / f"{number}.ppm")
        rows = ("  ".join(f"{value:.9g}" for value in row) for row in homography)
        (folder / f"H_1_{number}").write_text("\n".join((*rows, "")))


def _photograph(name: str, size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng(list(name.encode()))
    noise = rng.integers(0, 256, (-(-size[1] // COARSE), -(-size[0] // COARSE), 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
