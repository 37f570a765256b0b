"""The extraction loop: one pass over the images, each decoded once, prepared in the background, encoded once.

While a batch is encoded, threads read, hash, look up, decode and resize the images of the next one; at most two
batches of images are in memory, however many there are.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from visionlaw.errors import DataError, VisionlawError
from visionlaw.features.batching import HOST_BATCH, Prepared
from visionlaw.features.forward import ForwardPass, Maps
from visionlaw.features.layers import passes
from visionlaw.features.maps import FeatureMap
from visionlaw.features.results import Extracted, Quarantined
from visionlaw.features.sources import Source
from visionlaw.guard import describe_error
from visionlaw.protocols import EncoderRef, FeatureStore, ImageRef

T = TypeVar("T")


def extract(
    encoder: EncoderRef,
    images: Iterable[ImageRef],
    cache: FeatureStore | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[str, FeatureMap]]:
    """Yield the features of images, in order, an image that comes again left out.

    What the cache holds is not encoded again, so that an interrupted run goes on at the next image; an
    encoder all of whose images are cached is not even loaded.

    Args:
        encoder: Loaded on the first image that has to be encoded.
        images: Loaded and prepared in background threads.
        cache: Where features are looked up and kept.
        progress: Called with the number of images finished since the last call.

    Yields:
        The image's key and its features.

    Raises:
        DataError: An image cannot be loaded, or the cache cannot be written to.
        PluginError: The encoder fails, or returns tokens that do not fit the grid and the channels of its spec or are
            not finite.
    """
    distinct = {image.key: image for image in images}.values()
    sources = (Source(image.key, lambda image=image: image) for image in distinct)
    for result in extract_stream([encoder], sources, cache, strict_images=True):
        if isinstance(result, Extracted):
            if progress is not None:
                progress(1)
            yield result.key, result.maps[encoder.id]


def extract_stream(
    encoders: Sequence[EncoderRef],
    sources: Iterable[Source],
    cache: FeatureStore | None = None,
    batch_size: int | None = None,
    strict_images: bool = False,
) -> Generator[Extracted | Quarantined]:
    """Yield the features of images by several encoders, in order, each image opened and decoded once.

    Encoders that differ in their layer alone share a forward pass. Batches begin at multiples of ``batch_size``, so
    that a run that is resumed there computes the same numbers.

    Args:
        encoders: At least one; each is loaded on the first image that it has to encode.
        sources: Consumed as the run goes on.
        cache: Where features are looked up and kept.
        batch_size: Images in a batch; None: as device and resolution suggest. Halved where memory runs out.
        strict_images: Raise what is wrong with the first bad image instead of going on without it.

    Yields:
        For each image its features by encoder id, or why it could not be used.

    Raises:
        DataError: The cache cannot be written to, memory does not suffice for one image, or ``batch_size`` is not
            positive.
        PluginError: As :func:`extract`.
    """
    if batch_size is not None and batch_size < 1:
        raise DataError(f"A batch cannot have {batch_size} images.", "Give 1 or more, or leave it out.")
    run = _Run([ForwardPass(refs, cache, batch_size) for refs in passes(encoders)])
    stream = iter(sources)
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="prepare")
    waiting: deque[Future[_Item]] = deque()
    try:
        while True:
            size = batch_size or run.size
            for source in itertools.islice(stream, max(0, 2 * size - len(waiting))):
                waiting.append(pool.submit(run.open, source))
            if not waiting:
                return
            items = [waiting.popleft().result() for _ in range(min(size, len(waiting)))]
            run.finish(items, pool)
            for item in items:
                if strict_images and item.error is not None:
                    raise item.error
                yield run.result(item)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class _Item:
    """An image on its way: by number of the forward pass its features, or the encoder's input."""

    name: str
    image: ImageRef | None = None
    maps: dict[int, Maps] = field(default_factory=dict[int, Maps])
    inputs: dict[int, Prepared] = field(default_factory=dict[int, Prepared])
    error: VisionlawError | None = None

    @property
    def key(self) -> str:
        """Identity of its content; empty where it could not be opened."""
        return "" if self.image is None else self.image.key


class _Run:
    """Encoders at work on one stream of images."""

    def __init__(self, forwards: Sequence[ForwardPass]) -> None:
        self.forwards = forwards

    @property
    def size(self) -> int:
        """Images in a batch; the one for the CPU until an encoder is loaded and its device is known."""
        return max((forward.size for forward in self.forwards if forward.loaded), default=HOST_BATCH)

    def open(self, source: Source) -> _Item:
        """Open an image, look its features up, and prepare it where they are missing; in a worker thread."""
        item = _Item(source.name)
        item.image = _attempt(item, source.open)
        if item.image is not None:
            for number, forward in enumerate(self.forwards):
                maps = forward.look_up(item.key)
                if maps is not None:
                    item.maps[number] = maps
            self.prepare(item)
        return item

    def prepare(self, item: _Item) -> None:
        """Decode an image once and prepare it for every loaded encoder that needs it; in a worker thread."""
        needed = [number for number in self.missing(item) if self.forwards[number].loaded]
        if item.image is None or not needed:
            return
        picture = _attempt(item, item.image.load)
        if picture is not None:
            for number in needed:
                item.inputs[number] = self.forwards[number].preprocess(item.name, picture)

    def finish(self, items: Sequence[_Item], pool: ThreadPoolExecutor) -> None:
        """Encode what is missing of a batch, one encoder after the other."""
        late = [item for item in items if self.missing(item)]  # opened before their encoder was loaded
        for number in sorted({number for item in late for number in self.missing(item)}):
            self.forwards[number].load()
        list(pool.map(self.prepare, late))
        for number, forward in enumerate(self.forwards):
            ready = [item for item in items if number in item.inputs and item.error is None]
            encoded = forward.encode({item.key: item.inputs[number] for item in ready})
            for item in ready:
                item.maps[number] = encoded[item.key]

    def missing(self, item: _Item) -> list[int]:
        """The forward passes that an image still has to be prepared for."""
        if item.error is not None:
            return []
        return [n for n in range(len(self.forwards)) if n not in item.maps and n not in item.inputs]

    def result(self, item: _Item) -> Extracted | Quarantined:
        """Return what became of an image."""
        if item.error is not None:
            return Quarantined(item.name, str(item.error))
        maps = {
            ref.id: features
            for number, forward in enumerate(self.forwards)
            for ref, features in zip(forward.refs, item.maps[number], strict=True)
        }
        return Extracted(item.name, item.key, maps)


def _attempt(item: _Item, read: Callable[[], T | None]) -> T | None:
    """Return what reading an image returns; None where it fails, and the item says why.

    What a data set's own code raises becomes a sentence.

    Raises:
        DataError: Memory does not suffice, which is no fault of the image.
    """
    try:
        found = read()
    except VisionlawError as error:
        item.error = error
        return None
    except MemoryError as error:
        raise DataError(
            f"Memory does not suffice to read the image '{item.name}'.", "Close other programs, or take smaller images."
        ) from error
    except (Exception, SystemExit) as error:  # noqa: BLE001  a data set's own code, or a decoder
        item.error = DataError(f"The image '{item.name}' cannot be loaded: {describe_error(error)}.")
        item.error.__cause__ = error
        return None
    if found is None:
        item.error = DataError(f"The image '{item.name}' cannot be loaded: there is none.")
    return found
