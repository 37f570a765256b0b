"""Which points of a reference image are searched: the same everywhere, whatever the image shows.

A square lattice would fall into step with some encoder's grid, all its points on cell borders, say, and favour others.
The points are those of the R2 sequence (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018):
multiples of powers of the plastic number, modulo 1; spread as evenly as a lattice, and in step with no grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COUNT = 64
PLASTIC = 1.32471795724474602596  # the real root of x³ = x + 1


def reference_points(size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the 64 pixel positions ``[64, 2]`` (x, y) that are searched for, inside an image of size (W, H).

    They lie between the centres of the first and the last pixel, and are rounded to 2⁻²⁰ of a pixel so that every
    machine writes the same digits.
    """
    steps = np.arange(1, COUNT + 1)[:, None] / np.array([PLASTIC, PLASTIC**2])
    spread = (0.5 + steps) % 1.0 * (np.array(size) - 1)
    return np.round(spread * 2**20) / 2**20
