"""DCT and Gabor: which frequencies a token's surroundings hold."""

from __future__ import annotations

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from skimage.filters import gabor_kernel

from visionlaw.specs import EncoderSpec
from visionlaw_classical.encoder import DenseEncoder, Pixels, Tokens
from visionlaw_classical.windows import halve, luma, taper, to_tokens, window_cells, without_local_mean

Kernel = NDArray[np.complex128]

# JPEG's colours: one luma and two chroma channels (ITU-R BT.601), columns of a matrix that RGB rows are multiplied by.
RGB_TO_YCC = np.array(
    [[0.299, -0.168736, 0.5], [0.587, -0.331264, -0.418688], [0.114, 0.5, -0.081312]], dtype=np.float32
)
DCT_CELL, DCT_CELLS, DCT_SIGMA = 4, 24, 6.0
DCT_ORDER = 6
DCT_FLOOR = 0.1

GABOR_FREQUENCIES = (0.4, 0.2, 0.1)  # cycles per pixel of the halved image: wavelengths of 5, 10 and 20 input pixels
GABOR_ANGLES = 8
GABOR_CELL, GABOR_CELLS = 8, 4  # of the halved image: 16 input pixels
GABOR_FLOOR = 0.1


def dct(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/dct``: the low frequencies of a 96-pixel window, in luma and chroma.

    As JPEG does, colours are split into luma and chroma and the coefficients are taken diagonal by diagonal: the 21
    with u + v < 6 of each channel. The window's mean is removed and its edge faded out by a Gaussian first; the
    amplitudes, which fall with frequency in photographs, are raised by the root of 1 + the frequency.
    """
    return DenseEncoder(spec, lambda pixels: _describe_dct(pixels, spec.patch))


def gabor(spec: EncoderSpec) -> DenseEncoder:
    """Return the encoder ``classical/gabor``: local energies of Gabor filters, 3 wavelengths × 8 orientations.

    The energy (the modulus of the complex response, blind to the phase) of the brightness at half resolution is
    averaged in the 4×4 cells of 16 pixels around each token; its square root keeps one strong edge from drowning
    the rest.
    """
    banks = [_filter_bank(frequency) for frequency in GABOR_FREQUENCIES]
    return DenseEncoder(spec, lambda pixels: _describe_gabor(pixels, spec.patch, banks))


def _describe_dct(pixels: Pixels, stride: int) -> Tokens:
    windows = window_cells(pixels @ RGB_TO_YCC, stride, DCT_CELL, DCT_CELLS)
    faded = without_local_mean(windows, taper(DCT_CELLS, DCT_SIGMA))
    coefficients = np.asarray(scipy.fft.dctn(faded, axes=(3, 4), norm="ortho"))[..., :DCT_ORDER, :DCT_ORDER]
    v, u = np.mgrid[:DCT_ORDER, :DCT_ORDER]
    raised = coefficients * np.sqrt(1 + np.hypot(u, v))
    return to_tokens(raised[..., u + v < DCT_ORDER], DCT_FLOOR)


def _describe_gabor(pixels: Pixels, stride: int, banks: list[torch.Tensor]) -> Tokens:
    brightness = torch.from_numpy(halve(luma(pixels)))[None, None]
    energies = torch.cat([_energies(brightness, bank) for bank in banks])
    cells = window_cells(energies.permute(1, 2, 0).numpy(), stride // 2, GABOR_CELL, GABOR_CELLS)
    return to_tokens(np.sqrt(cells), GABOR_FLOOR)


def _energies(brightness: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    margin = bank.shape[-1] // 2
    padded = torch.nn.functional.pad(brightness, (margin,) * 4, mode="reflect")
    real, imaginary = torch.nn.functional.conv2d(padded, bank)[0].chunk(2)
    return torch.hypot(real, imaginary)


def _filter_bank(frequency: float) -> torch.Tensor:
    """Return the real, then the imaginary parts of the filters of all orientations, ``[2 · angles, 1, k, k]``."""
    angles = [np.pi * i / GABOR_ANGLES for i in range(GABOR_ANGLES)]
    kernels = [_without_constant(gabor_kernel(frequency, angle)) for angle in angles]  # pyright: ignore[reportArgumentType]
    side = max(max(kernel.shape) for kernel in kernels)
    bank = np.stack([_centred(kernel, side) for kernel in kernels])
    parts = np.concatenate([bank.real, bank.imag]).astype(np.float32)
    return torch.from_numpy(parts)[:, None]


def _without_constant(kernel: Kernel) -> Kernel:
    """Make a filter blind to constant brightness, which scikit-image's are not quite."""
    envelope = np.abs(kernel)
    return kernel - envelope * (kernel.sum() / envelope.sum())


def _centred(kernel: Kernel, side: int) -> Kernel:
    """Put a kernel of odd sides into the middle of a square of zeros."""
    rows, columns = ((side - length) // 2 for length in kernel.shape)
    return np.pad(kernel, ((rows, rows), (columns, columns)))
