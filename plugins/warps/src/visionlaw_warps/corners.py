"""Corners of an image, spread out: where a match is well defined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from skimage.feature import corner_peaks, corner_shi_tomasi

MOST = 40
SPACING = 20  # The corners of an image whose longer side is L are at least L/20 apart.
SIGMA = 2
WEAKEST = 0.02


def find_corners(image: Image) -> NDArray[np.float64]:
    """Return the strongest Shi–Tomasi corners of an image, spread out.

    Two corners are at least 1/20 of the longer side apart on one axis, and as far from the edge; a corner
    weaker than 2% of the strongest is left out.

    Returns:
        ``[m, 2]`` pixel positions (x, y), strongest first, m from 0 to 40.
    """
    distance = max(2, round(max(image.size) / SPACING))
    grey = np.asarray(image.convert("L"), dtype=np.float64) / 255
    response = corner_shi_tomasi(grey, sigma=SIGMA)
    peaks = corner_peaks(response, min_distance=distance, threshold_rel=WEAKEST, num_peaks=MOST)
    return np.asarray(peaks, dtype=np.float64).reshape(-1, 2)[:, ::-1]
