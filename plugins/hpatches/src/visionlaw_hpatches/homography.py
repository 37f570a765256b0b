"""The files ``H_1_2`` … ``H_1_6``: homographies from the reference image to the others.

Both sides of a homography here are visionlaw's pixel positions, which count from the centre of the top-left pixel; the
README says why the files are read so.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]

MOST_BYTES = 4096  # nine numbers need a few hundred
FLATTEST = 1e-6


class BadHomographyError(ValueError):
    """A file that holds no homography between two photographs; the message says why, as the end of a sentence."""


def read_homography(path: Path) -> Matrix:
    """Read three lines of three numbers.

    Returns:
        ``[3, 3]``, scaled so that its determinant is positive: points in front of the target's camera then have a
        positive third coordinate, wherever the plane is seen from the side that the reference shows.

    Raises:
        BadHomographyError: The file is longer than 4 KiB, is not 3 × 3 finite numbers, or is singular.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadHomographyError(f"is larger than {MOST_BYTES} bytes, not nine numbers")
    try:
        rows = [[float(word) for word in line.split()] for line in content.decode("ascii").splitlines()]
    except ValueError as error:  # what is no text is one too
        raise BadHomographyError("holds something that is not a number") from error
    rows = [row for row in rows if row]
    if [len(row) for row in rows] != [3, 3, 3]:
        raise BadHomographyError("is not three lines of three numbers")
    matrix = np.array(rows)
    if not np.isfinite(matrix).all():
        raise BadHomographyError("holds a number that is not finite")
    largest = np.abs(matrix).max()
    if largest == 0:
        raise BadHomographyError("is singular")
    matrix = matrix / largest  # so that no determinant overflows
    with np.errstate(all="ignore"):  # a matrix whose numbers differ by hundreds of orders is singular, and found later
        determinant = np.linalg.det(matrix)
    return matrix if determinant > 0 else -matrix


def check_homography(matrix: Matrix, source: tuple[int, int], target: tuple[int, int]) -> None:
    """Check that a homography can relate two photographs of these sizes (W, H).

    Raises:
        BadHomographyError: It is singular, it mirrors, or it sends points of the source to infinity.
    """
    corners = np.array([[x, y] for x in (-0.5, source[0] - 0.5) for y in (-0.5, source[1] - 0.5)])
    depths = corners @ matrix[2, :2] + matrix[2, 2]
    if not ((depths > 0).all() or (depths < 0).all()):
        raise BadHomographyError("sends points of the reference image to infinity")
    # In units of the images: between raw pixels, even good matrices span nine orders of magnitude.
    scaled = np.linalg.inv(_from_unit(target)) @ matrix @ _from_unit(source)
    values = np.linalg.svd(scaled, compute_uv=False)
    if not values[-1] > FLATTEST * values[0]:
        raise BadHomographyError("is singular")
    if (depths < 0).all():
        raise BadHomographyError("mirrors the image")


def apply(matrix: Matrix, points: Points) -> Points:
    """Map pixel positions ``[m, 2]`` (x, y) of the reference image to those of the target.

    They are rounded to 2⁻²⁰ of a pixel, so that every machine writes the same digits.
    """
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return np.round(mapped[:, :2] / mapped[:, 2:] * 2**20) / 2**20


def _from_unit(size: tuple[int, int]) -> Matrix:
    """From the square from -1 to 1 to an image's pixels."""
    half = math.hypot(*size) / 2
    return np.array([[half, 0.0, (size[0] - 1) / 2], [0.0, half, (size[1] - 1) / 2], [0.0, 0.0, 1.0]])
