"""RGB: the colours around a token, at low resolution."""

from __future__ import annotations

from visionlaw.specs import EncoderSpec
from visionlaw_classical.encoder import DenseEncoder, Pixels, Tokens
from visionlaw_classical.windows import taper, to_tokens, window_cells, without_local_mean

CELL = 16
CELLS = 6
SIGMA = 1.5
FLOOR = 0.03


def rgb(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/rgb``: the cosine of two tokens is a weighted correlation of their windows.

    Mean colours of the 6×6 cells of 16 pixels around each token, minus their mean per colour (brightness and tint
    drop out; the length-one normalisation takes the contrast), under a Gaussian of 24 pixels.
    """
    return DenseEncoder(spec, lambda pixels: _describe(pixels, spec.patch))


def _describe(pixels: Pixels, stride: int) -> Tokens:
    windows = window_cells(pixels, stride, CELL, CELLS)
    return to_tokens(without_local_mean(windows, taper(CELLS, SIGMA)), FLOOR)
