"""What becomes of an image: its features, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visionlaw.errors import DataError
from visionlaw.features.maps import FeatureMap


@dataclass(frozen=True)
class Extracted:
    """An image that was encoded.

    Attributes:
        name: As its source calls it: a path, or a position.
        key: Identity of its content.
        maps: Its features, by encoder id or by representation.
    """

    name: str
    key: str
    maps: Mapping[str, FeatureMap]

    @property
    def features(self) -> FeatureMap:
        """Its features, where there is one encoder or representation.

        Raises:
            DataError: There are several.
        """
        if len(self.maps) != 1:
            raise DataError(f"'{self.name}' has features by {', '.join(self.maps)}.", "Take one of them from 'maps'.")
        return next(iter(self.maps.values()))


@dataclass(frozen=True)
class Quarantined:
    """An image that could not be used; the others are not affected.

    Attributes:
        name: As its source calls it.
        reason: What is wrong with it, in a sentence, and what to do.
    """

    name: str
    reason: str
