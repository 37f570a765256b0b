"""Features of any images by any representations: the loop with its combiner, for people who want an iterator."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from visionlaw.errors import DataError
from visionlaw.features.extract import extract_stream
from visionlaw.features.maps import FeatureMap
from visionlaw.features.results import Extracted, Quarantined
from visionlaw.features.runtime import Runtime
from visionlaw.features.sources import Source, read_sources
from visionlaw.guard import third_party
from visionlaw.protocols import Combiner, EncoderRef, FeatureStore, Representation
from visionlaw.scoring.representations import check_combinable, name_of


class Extractor:
    """One or more representations, ready to encode images. :func:`visionlaw.load` makes one.

    Args:
        representations: One encoder each, or several that are combined.
        combiner: How several encoders make one representation.
        runtime: Device and precision that the references were made for.

    Raises:
        DataError: There is no representation, or encoders that see different parts of an image are combined.
    """

    def __init__(
        self, representations: Sequence[Representation], combiner: Combiner, runtime: Runtime | None = None
    ) -> None:
        if not representations:
            raise DataError("There is nothing to extract features by.", "Name at least one representation.")
        for representation in representations:
            check_combinable(representation)
        # An encoder is loaded once, however often and in however many representations it is used.
        once = {
            ref.id: replace(ref, load=functools.cache(ref.load))
            for representation in representations
            for ref in representation
        }
        self.encoders: tuple[EncoderRef, ...] = tuple(once.values())
        self.representations = {name_of(r): tuple(once[ref.id] for ref in r) for r in representations}
        self.combiner = combiner
        self.runtime = runtime or Runtime()

    def extract(
        self,
        images: Any,
        cache: FeatureStore | None = None,
        batch_size: int | None = None,
        strict_images: bool = False,
    ) -> Extraction:
        """Extract features, image by image, as the result is iterated over.

        Args:
            images: Paths, folders, PIL images, arrays, tensors, data sets, tar shards, or any iterable of them
                (:func:`visionlaw.features.sources.read_sources`).
            cache: Where features are looked up and kept; None: nowhere.
            batch_size: Images in a batch; None: as device and resolution suggest. Halved where memory runs out.
            strict_images: Raise what is wrong with the first bad image instead of setting it aside.
        """
        return Extraction(self.stream(images, cache, batch_size, strict_images))

    def stream(
        self,
        images: Any,
        cache: FeatureStore | None = None,
        batch_size: int | None = None,
        strict_images: bool = False,
    ) -> Generator[Extracted | Quarantined]:
        """Yield what becomes of each image, in order, the bad ones included; arguments as for :meth:`extract`.

        Yields:
            Features by representation, or the reason why there are none.

        Raises:
            DataError: There is nothing to read images from; with ``strict_images``, what is wrong with one.
            PluginError: An encoder or the combiner fails.
        """
        return self.stream_sources(read_sources(images), cache, batch_size, strict_images)

    def stream_sources(
        self,
        sources: Iterable[Source],
        cache: FeatureStore | None = None,
        batch_size: int | None = None,
        strict_images: bool = False,
    ) -> Generator[Extracted | Quarantined]:
        """Yield what becomes of each source: :meth:`stream` for images that have been read already."""
        with contextlib.closing(extract_stream(self.encoders, sources, cache, batch_size, strict_images)) as results:
            for result in results:
                if isinstance(result, Quarantined):
                    yield result
                else:
                    yield Extracted(result.name, result.key, self._combined(result.maps))

    def _combined(self, maps: Mapping[str, FeatureMap]) -> dict[str, FeatureMap]:
        found: dict[str, FeatureMap] = {}
        for name, parts in self.representations.items():
            if len(parts) == 1:
                found[name] = maps[parts[0].id]
                continue
            with third_party(f"Combining '{name}'"):
                found[name] = self.combiner.combine([maps[part.id] for part in parts])
        return found


class Extraction(Iterator[Extracted]):
    """Features, image by image; as a context manager, or by :meth:`close`, it ends its threads before its images do.

    Attributes:
        quarantined: The images set aside so far, with the reason.
    """

    def __init__(self, stream: Generator[Extracted | Quarantined]) -> None:
        self._stream = stream
        # Also when a script ends in the middle: later the interpreter has lost what ending threads takes.
        self._end = weakref.finalize(self, stream.close)
        self.quarantined: list[Quarantined] = []

    def __next__(self) -> Extracted:
        """Return the features of the next image that could be used."""
        for result in self._stream:
            if isinstance(result, Extracted):
                return result
            self.quarantined.append(result)
        raise StopIteration

    def __enter__(self) -> Extraction:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the extraction: its threads, and what it holds of its images."""
        self._end()

    def stack(self) -> torch.Tensor:
        """Return the tokens of all remaining images as one tensor ``[n, h·w, C]``; they must fit into memory.

        Raises:
            DataError: There is no image left, or all are bad.
        """
        tokens = [result.features.tokens for result in self]
        if not tokens:
            first = f" The first was set aside: {self.quarantined[0].reason}" if self.quarantined else ""
            raise DataError(f"There are no features to stack.{first}", "Give at least one image.")
        return torch.stack(tokens)
