"""The surroundings of every token, cut into cells, and the normalisation of what is measured there.

A token covers 16 pixels, too few to tell one place from another: descriptors look at a larger window around it. Cells
are laid so that each window is centred on its token, which is where visionlaw's geometry puts it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def luma(pixels: Array) -> Array:
    """Return the brightness ``[S, S]`` of RGB pixels ``[S, S, 3]`` (ITU-R BT.601).

    Written out, because a matrix product may round a pixel differently from place to place.
    """
    red, green, blue = LUMA
    return red * pixels[..., 0] + green * pixels[..., 1] + blue * pixels[..., 2]


def halve(pixels: Array) -> Array:
    """Average 2×2 blocks: ``[S, S, …]`` to ``[S/2, S/2, …]``, aligned with the pixels' corners."""
    side = len(pixels) // 2
    return pixels.reshape(side, 2, side, 2, *pixels.shape[2:]).mean(axis=(1, 3))


def pad(maps: Array, before: int, after: int) -> Array:
    """Mirror ``[S, S, …]`` at its edges, by so many rows and columns before and after."""
    widths = [(before, after), (before, after)] + [(0, 0)] * (maps.ndim - 2)
    return np.pad(maps, widths, mode="reflect")


def window_cells(maps: Array, stride: int, cell: int, cells: int) -> Array:
    """Average maps over the cells of the window around each token.

    Args:
        maps: ``[S, S, c]``.
        stride: Distance of neighbouring tokens, in pixels of ``maps``; a multiple of ``cell``.
        cell: Side of a cell in the same pixels.
        cells: Cells per side of a window; ``cells * cell`` and ``stride`` differ by an even number, 0 or more.

    Returns:
        ``[h, w, c, cells, cells]`` with h = w = S / stride.
    """
    margin = (cell * cells - stride) // 2
    padded = pad(maps, margin, margin)
    count = len(padded) // cell
    means = padded.reshape(count, cell, count, cell, -1).mean(axis=(1, 3))
    windows = np.lib.stride_tricks.sliding_window_view(means, (cells, cells), axis=(0, 1))
    return windows[:: stride // cell, :: stride // cell]


def taper(cells: int, sigma: float) -> Array:
    """Return the square root of a Gaussian, ``[cells, cells]``, of standard deviation ``sigma`` in cells.

    Multiplied into both descriptors, it weighs their product by the Gaussian: what is near counts more, so that a
    window survives rotation and scaling better.
    """
    x = np.arange(cells) - (cells - 1) / 2
    gaussian = np.exp(-(x**2) / (2 * sigma**2))
    return np.sqrt(np.outer(gaussian, gaussian)).astype(np.float32)


def without_local_mean(windows: Array, weights: Array) -> Array:
    """Subtract from each map of each window its mean, weighted by the square of ``weights``, and apply the weights.

    Args:
        windows: ``[h, w, c, n, n]``.
        weights: ``[n, n]``, from :func:`taper`.
    """
    share = weights**2 / (weights**2).sum()
    return (windows - (windows * share).sum(axis=(3, 4), keepdims=True)) * weights


def to_tokens(features: NDArray[np.floating], floor: float) -> Array:
    """Flatten features ``[h, w, …]`` into tokens ``[h·w, C]`` of length one, with a constant last channel.

    The constant, ``floor`` before the tokens are scaled, keeps the contrast of noise in flat areas from being blown up
    to full strength, and gives a flat image tokens of length one: no cosine is ever NaN.
    """
    h, w = features.shape[:2]
    flat = features.reshape(h * w, -1)
    tokens = np.concatenate([flat, np.full((h * w, 1), floor)], axis=1, dtype=np.float32)
    return tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
