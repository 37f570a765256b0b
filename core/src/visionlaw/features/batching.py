"""Encoding batches: as many images at a time as fit into memory, and every answer held against the spec."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch

from visionlaw.errors import DataError, PluginError
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.guard import third_party
from visionlaw.protocols import Encoder, EncoderRef, LayeredEncoder

HOST_BATCH = 8  # at 224 pixels; more gains nothing on a CPU
DEVICE_BATCH = 64
HALVES = (torch.float16, torch.bfloat16)
FULL = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate")

Prepared = tuple[torch.Tensor, Geometry]


class BatchEncoder:
    """An encoder, or several layers of one, at work.

    Args:
        refs: References that differ in their layer alone (:func:`visionlaw.features.layers.passes`); at least one.
        size: Most images at a time; None: :func:`default_batch`. It is halved whenever memory runs out, and stays so.
    """

    def __init__(self, refs: Sequence[EncoderRef], size: int | None = None) -> None:
        self.refs = tuple(refs)
        self._size = size

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, loaded on first use. Not from several threads at once."""
        return self._load(self.refs[0])

    @property
    def loaded(self) -> bool:
        """Whether it has been loaded."""
        return "encoder" in self.__dict__

    @property
    def size(self) -> int:
        """Most images at a time; loads the encoder, whose device it depends on."""
        if self._size is None:
            device = getattr(self.encoder, "device", "cpu")  # where :func:`visionlaw.features.runtime.place` put it
            self._size = default_batch(torch.device(device), self.refs[0].spec.resolution)
        return self._size

    def encode(self, prepared: Sequence[Prepared]) -> list[tuple[FeatureMap, ...]]:
        """Encode images, those of one shape together.

        Args:
            prepared: What the encoder's ``preprocess`` returned.

        Returns:
            For each image its features by layer, in the order of ``refs``; on the CPU, float32 or of the precision that
            the encoder computes in.

        Raises:
            PluginError: The encoder fails, or returns tokens that do not fit its spec or are not finite.
            DataError: A single image is too much for the memory.
        """
        found: dict[int, tuple[FeatureMap, ...]] = {}
        by_shape: dict[torch.Size, list[int]] = {}
        for index, (inputs, _) in enumerate(prepared):
            by_shape.setdefault(inputs.shape, []).append(index)
        for indices in by_shape.values():
            rest = indices
            while rest:
                some = rest[: self.size]
                try:
                    maps = self._encode([prepared[index] for index in some])
                except PluginError as error:
                    self._halve(len(some), error)
                    continue
                found |= zip(some, maps, strict=True)
                rest = rest[len(some) :]
        return [found[index] for index in range(len(prepared))]

    def _encode(self, prepared: Sequence[Prepared]) -> list[tuple[FeatureMap, ...]]:
        geometries = [geometry for _, geometry in prepared]
        with third_party(f"Encoding {len(prepared)} images with '{self.refs[0].id}'"):
            for geometry in geometries:
                self._check_grid(geometry)
            with torch.inference_mode():
                by_layer = self._run(torch.stack([inputs for inputs, _ in prepared]))
                hosts = [
                    self._checked(ref, tokens, len(prepared)) for ref, tokens in zip(self.refs, by_layer, strict=True)
                ]
            # Copies made outside inference mode can be trained on, and do not keep their whole batch alive.
            layers = [
                [
                    FeatureMap(one.clone(), _regrid(geometry, self.refs[0], ref))
                    for one, geometry in zip(host, geometries, strict=True)
                ]
                for ref, host in zip(self.refs, hosts, strict=True)
            ]
        return list(zip(*layers, strict=True))

    def _run(self, batch: torch.Tensor) -> Sequence[torch.Tensor]:
        if len(self.refs) == 1:
            return [self.encoder.encode(batch)]
        if isinstance(self.encoder, LayeredEncoder):
            return self.encoder.encode_layers(batch, [ref.spec.layer for ref in self.refs])
        return [encoder.encode(batch) for encoder in self._each]

    def _checked(self, ref: EncoderRef, tokens: torch.Tensor, count: int) -> torch.Tensor:
        """Hold tokens against the spec and bring them to the CPU; half precisions stay, all else becomes float32."""
        (h, w), channels = ref.spec.grid, ref.spec.channels
        if tokens.ndim != 3 or tokens.shape[:2] != (count, h * w):
            raise failed(ref, f"returned tokens of shape {list(tokens.shape)}, not [{count}, {h * w}, C]")
        if tokens.shape[2] != channels:
            raise failed(ref, f"returned tokens of {tokens.shape[2]} channels, but declares {channels}")
        if not tokens.is_floating_point():
            raise failed(ref, f"returned tokens of {tokens.dtype}, not floating point")
        host = tokens.cpu() if tokens.dtype in HALVES else tokens.float().cpu()
        if not bool(torch.isfinite(host).all()):  # after the cast: 1e300 is none in float32
            raise failed(ref, f"returned tokens that are not finite in {str(host.dtype).removeprefix('torch.')}")
        return host

    @cached_property
    def _each(self) -> list[Encoder]:
        """One encoder per layer, for one that cannot read several at once."""
        return [self.encoder, *(self._load(ref) for ref in self.refs[1:])]

    def _load(self, ref: EncoderRef) -> Encoder:
        with third_party(f"Loading '{ref.id}'"):
            return ref.load()

    def _halve(self, tried: int, error: PluginError) -> None:
        """Go on with smaller batches if the memory is full; any other failure stands."""
        if not is_full(error.__cause__):
            raise error
        if tried == 1:
            raise DataError(
                f"Memory does not suffice to encode a single image with '{self.refs[0].id}'.",
                "Choose a lower precision (bfloat16), a smaller resolution, or another device.",
            ) from error
        self._size = max(1, tried // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _check_grid(self, geometry: Geometry) -> None:
        h, w = self.refs[0].spec.grid
        if geometry.grid != (h, w):
            found = "×".join(map(str, geometry.grid))
            raise failed(self.refs[0], f"prepares a grid of {found} tokens, but declares {h}×{w}")


def default_batch(device: torch.device, resolution: int) -> int:
    """Return how many images to encode at a time: as many pixels as 8 images of 224 px on a CPU, 64 on an accelerator.

    A power of two. What is too much for an accelerator's memory is halved there; a CPU's is not put to the test, since
    the operating system may end the process instead of refusing.
    """
    wanted = (HOST_BATCH if device.type == "cpu" else DEVICE_BATCH) * (224 / resolution) ** 2
    largest = HOST_BATCH if device.type == "cpu" else DEVICE_BATCH
    return min(largest, 2 ** max(0, math.floor(math.log2(wanted))))


def is_full(error: BaseException | None) -> bool:
    """Whether an error says that memory, a device's or the machine's, does not suffice."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in FULL)
    )


def _regrid(geometry: Geometry, declared: EncoderRef, wanted: EncoderRef) -> Geometry:
    """Return the geometry for another layer's tokens, which may be larger."""
    old, new = declared.spec, wanted.spec
    if (old.patch, old.stride) == (new.patch, new.stride):
        return geometry
    return geometry.repatched((old.patch, old.stride or old.patch), (new.patch, new.stride or new.patch), new.grid)


def failed(ref: EncoderRef, what: str) -> PluginError:
    """Return the error about an encoder that does not do what it promises."""
    return PluginError(f"The encoder '{ref.id}' {what}.", "Report it to the author of its plugin.")
