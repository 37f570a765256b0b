"""What this plugin offers visionlaw: seven encoders, listed at 256 and 384 pixels, and resolved at others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import MOST_PIXELS, EncoderSpec

PATCH = 16
RESOLUTIONS = (256, 384)
SMALLEST = 96
"""The side of the largest window: a smaller image would be mostly mirrored edges."""

# name: (module, channels, description)
ENCODERS = {
    "rgb": ("colour", 109, "Mean colours of 6×6 cells around the token, local mean removed."),
    "dct": ("frequency", 64, "Low DCT frequencies of luma and chroma around the token."),
    "gabor": ("frequency", 385, "Energies of 24 Gabor filters in 4×4 cells around the token."),
    "hog": ("gradients", 325, "Histograms of oriented gradients in 6×6 cells around the token."),
    "daisy": ("gradients", 137, "Gradient histograms on two rings of eight around the token (DAISY)."),
    "lbp": ("texture", 945, "Histograms of uniform local binary patterns in 4×4 cells around the token."),
    "random": ("random_net", 257, "A random convolution net of fixed seed: the control."),
}


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List the classical encoders."""
    for name in ENCODERS:
        for resolution in RESOLUTIONS:
            yield _spec(name, resolution)


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec | None:  # noqa: A002
    """Return a classical encoder at another resolution: a multiple of 16 pixels, from 96 on."""
    match = re.fullmatch(r"classical/(\w+)@(\d{2,5})", id)
    if match is None or match[1] not in ENCODERS:
        return None
    resolution = int(match[2])
    if resolution % PATCH or not SMALLEST <= resolution <= MOST_PIXELS:
        return None
    return _spec(match[1], resolution)


def _spec(name: str, resolution: int) -> EncoderSpec:
    module, channels, description = ENCODERS[name]
    return EncoderSpec(
        id=f"classical/{name}@{resolution}",
        target=f"visionlaw_classical.{module}:{name}",
        description=description,
        tags=("control" if name == "random" else "hand-crafted", "weight-free"),
        license="Apache-2.0",
        resolution=resolution,
        resize="squash",
        patch=PATCH,
        channels=channels,
        parameters=0,
    )
