"""What this plugin offers visionlaw: seven encoders, each at 256 and 384 pixels."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec

PATCH = 16
RESOLUTIONS = (256, 384)

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
    for name, (module, channels, description) in ENCODERS.items():
        for resolution in RESOLUTIONS:
            yield EncoderSpec(
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
