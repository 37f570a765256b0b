"""How an encoder computes: device, precision, compilation.

Precision changes features, so it is part of their provenance; device and compilation change rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from PIL.Image import Image

from visionlaw.errors import ConfigError
from visionlaw.features.geometry import Geometry
from visionlaw.protocols import Encoder, LayeredEncoder, ModuleEncoder

Dtype = Literal["float32", "float16", "bfloat16"]
DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Runtime:
    """Settings of the computation.

    Attributes:
        device: As torch names it; None: a CUDA device if there is one, else Apple's, else the CPU.
        dtype: Of the weights, or of the operations that autocast lowers.
        autocast: Keep the weights in float32 and let torch lower what bears it.
        compile: Compile the module on first use with torch.compile.
    """

    device: str | None = None
    dtype: Dtype = "float32"
    autocast: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"There is no precision '{self.dtype}'.", f"There is: {', '.join(DTYPES)}.")
        if self.autocast and self.dtype == "float32":
            raise ConfigError("Autocast lowers float32 to another precision.", "Name float16 or bfloat16.")

    @property
    def precision(self) -> str:
        """Name of the precision, for the provenance of features."""
        return f"{self.dtype} autocast" if self.autocast else self.dtype


def choose_device(name: str | None) -> torch.device:
    """Return the device of a name, or the best there is.

    Raises:
        ConfigError: There is no such device here.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"There is no device '{name}' here.", "Leave it out, or name one such as cuda:0.") from error
    return device


def place(encoder: Encoder, runtime: Runtime) -> Encoder:
    """Put an encoder on its device in its precision; what comes back takes batches from the CPU.

    An encoder that shows no module (:class:`visionlaw.protocols.ModuleEncoder`) comes back as it is.

    Raises:
        ConfigError: There is no such device.
    """
    if not isinstance(encoder, ModuleEncoder):
        return encoder
    device = choose_device(runtime.device)
    weights = torch.float32 if runtime.autocast else DTYPES[runtime.dtype]
    encoder.module.to(device, weights).eval().requires_grad_(False)
    if runtime.compile:
        encoder.module.compile()  # pyright: ignore[reportUnknownMemberType]
    placed = _PlacedLayers if isinstance(encoder, LayeredEncoder) else _Placed
    return placed(encoder, runtime, device, weights)


class _Placed:
    """An encoder with its batches brought to it."""

    def __init__(self, encoder: Encoder, runtime: Runtime, device: torch.device, weights: torch.dtype) -> None:
        self.encoder = encoder
        self.runtime = runtime
        self.device = device
        self.weights = weights

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        return self.encoder.preprocess(image)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        with self.autocast():
            return self.encoder.encode(self.bring(batch))

    def bring(self, batch: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            batch = batch.pin_memory()
        return batch.to(self.device, self.weights, non_blocking=True)

    def autocast(self) -> AbstractContextManager[object]:
        if not self.runtime.autocast:
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.runtime.dtype])


class _PlacedLayers(_Placed):
    """The same for an encoder that reads several layers at once."""

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[int]) -> Sequence[torch.Tensor]:
        assert isinstance(self.encoder, LayeredEncoder)  # noqa: S101  as `place` has seen
        with self.autocast():
            return self.encoder.encode_layers(self.bring(batch), layers)
