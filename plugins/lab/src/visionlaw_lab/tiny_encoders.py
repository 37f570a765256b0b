"""Random weights in place of trained ones, for the checks: the network is small, but its training takes a minute."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from visionlaw.specs import EncoderSpec
from visionlaw.testing import random_module
from visionlaw_lab.networks import Trunk
from visionlaw_lab.recipes import WEIGHTS


def write(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Write the network of an encoder, untrained, and return its spec."""
    trunk = random_module(lambda: Trunk(spec.resolution))
    save_file(trunk.state_dict(), folder / WEIGHTS)
    return spec.model_copy(update={"checkpoint": str(folder), "revision": None})
