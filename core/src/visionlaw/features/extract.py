"""The extraction loop: each image passes an encoder once, is prepared in the background, and kept once it is done."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import torch

from visionlaw.errors import DataError, PluginError, VisionlawError
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.guard import describe_error, third_party
from visionlaw.protocols import Encoder, EncoderRef, FeatureStore, ImageRef

BATCH = 8

Prepared = tuple[torch.Tensor, Geometry]


@dataclass(frozen=True)
class _Slot:
    """One image on its way: its features, or the promise of an encoder's input."""

    image: ImageRef
    ready: FeatureMap | Future[Prepared]


def extract(
    encoder: EncoderRef,
    images: Iterable[ImageRef],
    cache: FeatureStore | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[str, FeatureMap]]:
    """Yield the features of images, in order, an image that comes again left out.

    What the cache holds is not encoded again, so that an interrupted run goes on at the next image; an
    encoder all of whose images are cached is not even loaded. At most two batches of images are in memory.

    Args:
        encoder: Loaded on the first image that has to be encoded.
        images: Loaded and prepared in background threads.
        cache: Where features are looked up and kept.
        progress: Called with the number of images finished since the last call.

    Yields:
        The image's key and its features, float32.

    Raises:
        DataError: An image cannot be loaded, or the cache cannot be written to.
        PluginError: The encoder fails, or returns tokens that do not fit the grid and the channels of its spec or are
            not finite.
    """
    extraction = _Extraction(encoder, cache)
    distinct = iter({image.key: image for image in images}.values())
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="prepare")
    waiting: deque[_Slot] = deque()
    try:
        while True:
            for image in itertools.islice(distinct, 2 * BATCH - len(waiting)):
                waiting.append(extraction.begin(image, pool))
            if not waiting:
                return
            batch = [waiting.popleft() for _ in range(min(BATCH, len(waiting)))]
            finished = extraction.finish(batch)
            if progress is not None:
                progress(len(finished))
            yield from finished
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Extraction:
    """One encoder at work."""

    def __init__(self, encoder: EncoderRef, cache: FeatureStore | None) -> None:
        self.ref = encoder
        self.cache = cache

    @cached_property
    def encoder(self) -> Encoder:
        with third_party(f"Loading '{self.ref.id}'"):
            return self.ref.load()

    def begin(self, image: ImageRef, pool: ThreadPoolExecutor) -> _Slot:
        """Look an image up, or start to prepare it."""
        cached = self.cache.get(self.ref, image.key) if self.cache is not None else None
        return _Slot(image, pool.submit(self.prepare, image, self.encoder) if cached is None else cached)

    def prepare(self, image: ImageRef, encoder: Encoder) -> Prepared:
        """Load and preprocess an image, in a worker thread (stdout, which is the process's, can't be guarded there)."""
        try:
            loaded = image.load()
        except VisionlawError:
            raise
        except (Exception, SystemExit) as error:
            raise DataError(f"The image '{image.key}' cannot be loaded: {describe_error(error)}.") from error
        try:
            return encoder.preprocess(loaded)
        except VisionlawError:
            raise
        except (Exception, SystemExit) as error:
            raise self._failed(f"failed to preprocess '{image.key}': {describe_error(error)}") from error

    def finish(self, slots: Sequence[_Slot]) -> list[tuple[str, FeatureMap]]:
        """Encode what is not there yet, as one batch, and keep it."""
        missing = [(s.image.key, s.ready.result()) for s in slots if isinstance(s.ready, Future)]
        encoded = dict(zip([key for key, _ in missing], self.encode([p for _, p in missing]), strict=True))
        if self.cache is not None:
            self.cache.put(self.ref, encoded)
        return [(s.image.key, encoded[s.image.key] if isinstance(s.ready, Future) else s.ready) for s in slots]

    def encode(self, prepared: Sequence[Prepared]) -> list[FeatureMap]:
        """Encode a batch; all that an encoder can answer wrongly becomes an error that names it."""
        if not prepared:
            return []
        with third_party(f"Encoding {len(prepared)} images with '{self.ref.id}'"):
            geometries = [geometry for _, geometry in prepared]
            self.check_grids(geometries)
            with torch.inference_mode():
                tokens = self.encoder.encode(torch.stack([inputs for inputs, _ in prepared]))
            self.check_tokens(tokens, len(prepared))
            # Copies made outside inference mode can be trained on, and do not keep their whole batch alive.
            copies = [one.float().cpu().clone() for one in tokens]
            if not all(bool(torch.isfinite(one).all()) for one in copies):  # after the cast: 1e300 is none in float32
                raise self._failed("returned tokens that are not finite in float32")
            return [FeatureMap(one, geometry) for one, geometry in zip(copies, geometries, strict=True)]

    def check_grids(self, geometries: Sequence[Geometry]) -> None:
        h, w = self.ref.spec.grid
        for geometry in geometries:
            if geometry.grid != (h, w):
                found = "×".join(map(str, geometry.grid))
                raise self._failed(f"prepares a grid of {found} tokens, but declares {h}×{w}")

    def check_tokens(self, tokens: torch.Tensor, count: int) -> None:
        (h, w), channels = self.ref.spec.grid, self.ref.spec.channels
        if tokens.ndim != 3 or tokens.shape[:2] != (count, h * w):
            raise self._failed(f"returned tokens of shape {list(tokens.shape)}, not [{count}, {h * w}, C]")
        if tokens.shape[2] != channels:
            raise self._failed(f"returned tokens of {tokens.shape[2]} channels, but declares {channels}")
        if not tokens.is_floating_point():
            raise self._failed(f"returned tokens of {tokens.dtype}, not floating point")

    def _failed(self, what: str) -> PluginError:
        return PluginError(f"The encoder '{self.ref.id}' {what}.", "Report it to the author of its plugin.")
