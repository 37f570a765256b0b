"""HOG and DAISY: histograms of gradient orientations around a token."""

from __future__ import annotations

import numpy as np
import skimage.feature

from visionlaw.specs import EncoderSpec
from visionlaw_classical.encoder import DenseEncoder, Pixels, Tokens
from visionlaw_classical.windows import halve, luma, pad, taper, to_tokens

HOG_CELL, HOG_CELLS, HOG_SIGMA = 16, 6, 1.5
HOG_ORIENTATIONS = 9
HOG_FLOOR = 0.05

DAISY_RADIUS = 16  # of the halved image: 32 input pixels
DAISY_RINGS, DAISY_PETALS, DAISY_ORIENTATIONS = 2, 8, 8
DAISY_FLOOR = 0.1


def hog(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/hog``: one HOG block of 6×6 cells of 16 pixels around each token.

    9 unsigned orientations of the strongest of the three colours' gradients, L2-Hys normalised over the block (Dalal
    and Triggs, CVPR 2005; scikit-image's ``hog``), then under a Gaussian of 24 pixels.
    """
    return DenseEncoder(spec, lambda pixels: _describe_hog(pixels, spec.patch))


def daisy(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/daisy``: gradient histograms at a token and on two rings around it.

    8 signed orientations at the centre and at 2×8 places up to 32 pixels away, smoothed the more the farther out, each
    histogram of length one (Tola et al., PAMI 2010; scikit-image's ``daisy``), at half resolution.
    """
    return DenseEncoder(spec, lambda pixels: _describe_daisy(pixels, spec.patch))


def _describe_hog(pixels: Pixels, stride: int) -> Tokens:
    margin = (HOG_CELL * HOG_CELLS - stride) // 2
    blocks = skimage.feature.hog(
        pad(pixels, margin, margin),
        orientations=HOG_ORIENTATIONS,
        pixels_per_cell=(HOG_CELL, HOG_CELL),
        cells_per_block=(HOG_CELLS, HOG_CELLS),
        block_norm="L2-Hys",
        feature_vector=False,
        channel_axis=2,
    )
    return to_tokens(blocks * taper(HOG_CELLS, HOG_SIGMA)[..., None], HOG_FLOOR)


def _describe_daisy(pixels: Pixels, stride: int) -> Tokens:
    step = stride // 2
    # The library takes differences between a pixel and the next, which lie half a pixel further: those of pixel
    # step / 2 - 1 are centred on the middle of a token. Its first descriptor is at pixel RADIUS.
    brightness = pad(halve(luma(pixels)), DAISY_RADIUS - (step // 2 - 1), DAISY_RADIUS)
    histograms = skimage.feature.daisy(
        brightness,
        step=step,
        radius=DAISY_RADIUS,
        rings=DAISY_RINGS,
        histograms=DAISY_PETALS,
        orientations=DAISY_ORIENTATIONS,
        normalization="daisy",
    )
    return to_tokens(np.asarray(histograms), DAISY_FLOOR)
