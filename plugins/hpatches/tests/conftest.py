"""A miniature of the release: illumination and viewpoint sequences, landscape, portrait and square."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

IDENTITY = "1 0 0\n0 1 0\n0 0 1\n"
SHIFT = "1 0 30\n0 1 -10\n0 0 1\n"

WriteSequence = Callable[..., Path]


@pytest.fixture
def write_sequence(tmp_path: Path) -> WriteSequence:
    """Write six images and five homographies in the layout of the release."""

    def write(name: str, size: tuple[int, int], homography: str = IDENTITY) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for number in range(1, 7):
            noise = np.random.default_rng([number, *map(ord, name)]).integers(0, 256, (size[1], size[0], 3))
            Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.ppm")
            if number > 1:
                (folder / f"H_1_{number}").write_text(homography)
        return folder

    return write


@pytest.fixture
def root(tmp_path: Path, write_sequence: WriteSequence) -> Path:
    write_sequence("v_wall", (320, 200), SHIFT)
    write_sequence("i_dome", (150, 210))
    write_sequence("v_box", (180, 180))
    return tmp_path
