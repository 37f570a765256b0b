"""One forward pass and the cache: what is there is not encoded again, and what is encoded is kept.

With a cache that several processes share, each image is encoded by one of them alone: a batch is claimed just before it
is encoded, and nothing is claimed while waiting, so that no two processes can wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from PIL.Image import Image

from visionlaw.errors import DataError, VisionlawError
from visionlaw.features.batching import BatchEncoder, Prepared, failed
from visionlaw.features.maps import FeatureMap
from visionlaw.guard import describe_error
from visionlaw.protocols import EncoderRef, FeatureStore

POLL_SECONDS = 0.05

Maps = tuple[FeatureMap, ...]  # by layer, in the order of the references


class ForwardPass:
    """An encoder, or several layers of one, and where their features are kept.

    Args:
        refs: References that differ in their layer alone.
        cache: None: features are kept nowhere.
        batch_size: As for :class:`visionlaw.features.batching.BatchEncoder`.
    """

    def __init__(self, refs: Sequence[EncoderRef], cache: FeatureStore | None, batch_size: int | None) -> None:
        self.refs = tuple(refs)
        self._batches = BatchEncoder(refs, batch_size)
        self._cache = cache

    @property
    def loaded(self) -> bool:
        """Whether the encoder has been loaded."""
        return self._batches.loaded

    @property
    def size(self) -> int:
        """Most images at a time; loads the encoder."""
        return self._batches.size

    def load(self) -> None:
        """Load the encoder. Not from several threads at once."""
        _ = self._batches.encoder

    def look_up(self, key: str) -> Maps | None:
        """Return an image's features where all layers are in the cache; from any thread."""
        if self._cache is None:
            return None
        found: list[FeatureMap] = []
        for ref in self.refs:
            features = self._cache.get(ref, key)
            if features is None:
                return None
            found.append(features)
        return tuple(found)

    def preprocess(self, name: str, image: Image) -> Prepared:
        """Prepare an image, from any thread (stdout, which is the process's, can't be guarded there).

        Raises:
            PluginError: The encoder fails to.
        """
        try:
            inputs, geometry = self._batches.encoder.preprocess(image)
        except VisionlawError:
            raise
        except MemoryError as error:
            raise DataError(
                f"Memory does not suffice to prepare the image '{name}'.",
                "Close other programs, or take smaller images.",
            ) from error
        except (Exception, SystemExit) as error:
            raise failed(self.refs[0], f"failed to preprocess '{name}': {describe_error(error)}") from error
        return inputs, geometry

    def encode(self, wanted: Mapping[str, Prepared]) -> dict[str, Maps]:
        """Encode images that were not in the cache, by key, and keep their features.

        Waits for those that another process is encoding.

        Raises:
            PluginError, DataError: As :meth:`visionlaw.features.batching.BatchEncoder.encode`, and where the cache
                cannot be written to.
        """
        found: dict[str, Maps] = {}
        while len(found) < len(wanted):
            mine = self._claim([key for key in wanted if key not in found])
            try:
                # Another process may have finished some since they were looked up.
                for key in wanted.keys() - found.keys():
                    maps = self.look_up(key)
                    if maps is not None:
                        found[key] = maps
                todo = [key for key in wanted if key in mine and key not in found]
                encoded = dict(zip(todo, self._batches.encode([wanted[key] for key in todo]), strict=True))
                self._keep(encoded)
                found |= encoded
            finally:
                self._release(mine)
            if not mine:
                time.sleep(POLL_SECONDS)
        return found

    def _claim(self, keys: Sequence[str]) -> frozenset[str]:
        """Claim images for all layers, in one order for all processes; what is not ours as a whole is given back."""
        mine = frozenset(keys)
        if self._cache is None:
            return mine
        held: list[EncoderRef] = []
        for ref in sorted(self.refs, key=lambda ref: ref.id):
            granted = self._cache.claim(ref, sorted(mine))
            for earlier in held:
                self._cache.release(earlier, sorted(mine - granted))
            held.append(ref)
            mine = granted
        return mine

    def _release(self, keys: frozenset[str]) -> None:
        if self._cache is not None and keys:
            for ref in self.refs:
                self._cache.release(ref, sorted(keys))

    def _keep(self, encoded: Mapping[str, Maps]) -> None:
        if self._cache is not None and encoded:
            for number, ref in enumerate(self.refs):
                self._cache.put(ref, {key: maps[number] for key, maps in encoded.items()})
