"""Features in memory, before a store of features on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef, FeatureStore


class Keeping:
    """A :class:`visionlaw.protocols.FeatureStore` that also keeps in memory whatever passes through it.

    Args:
        store: Where features survive the process.
    """

    def __init__(self, store: FeatureStore) -> None:
        self.store = store
        self._kept: dict[tuple[str, str], FeatureMap] = {}

    def get(self, encoder: EncoderRef, image: str) -> FeatureMap | None:
        """Return the features of an image, which must not be changed; None where they have to be computed."""
        found = self._kept.get((encoder.id, image))
        if found is None:
            found = self.store.get(encoder, image)
            if found is not None:
                self._kept[encoder.id, image] = found
        return found

    def put(self, encoder: EncoderRef, features: Mapping[str, FeatureMap]) -> None:
        """Keep the features of images."""
        self.store.put(encoder, features)
        self._kept |= {(encoder.id, image): found for image, found in features.items()}

    def claim(self, encoder: EncoderRef, images: Sequence[str]) -> frozenset[str]:
        """Reserve images for this process to compute."""
        return self.store.claim(encoder, images)

    def release(self, encoder: EncoderRef, images: Sequence[str]) -> None:
        """Give up claims."""
        self.store.release(encoder, images)
