"""LBP: histograms of local binary patterns around a token."""

from __future__ import annotations

import numpy as np
from skimage.feature import local_binary_pattern

from visionlaw.specs import EncoderSpec
from visionlaw_classical.encoder import DenseEncoder, Pixels, Tokens
from visionlaw_classical.windows import luma, to_tokens, window_cells

NEIGHBOURS, RADIUS = 8, 2
PATTERNS = NEIGHBOURS * (NEIGHBOURS - 1) + 3  # uniform ones by orientation, and one bin for the rest
CELL, CELLS = 16, 4
FLOOR = 0.1


def lbp(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/lbp``: which of 59 patterns occur in the 4×4 cells around each token.

    Each pixel is compared with 8 neighbours 2 pixels away; patterns with at most two changes around the circle are told
    apart by orientation (Ojala et al., PAMI 2002; scikit-image's ``nri_uniform``). No monotonic change of brightness
    alters a pattern. The square root makes the cosine a comparison of histograms (Bhattacharyya's).
    """
    return DenseEncoder(spec, lambda pixels: _describe(pixels, spec.patch))


def _describe(pixels: Pixels, stride: int) -> Tokens:
    # Whole numbers: the comparisons must not depend on rounding in the last bit.
    grey = np.rint(luma(pixels) * 255).astype(np.uint8)
    codes = local_binary_pattern(grey, NEIGHBOURS, RADIUS, method="nri_uniform").astype(np.intp)
    indicators = np.eye(PATTERNS, dtype=np.float32)[codes]
    return to_tokens(np.sqrt(window_cells(indicators, stride, CELL, CELLS)), FLOOR)
