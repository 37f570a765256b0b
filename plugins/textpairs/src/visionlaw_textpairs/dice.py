"""Everything random about a pair: what both images share, and what each draws for itself.

Each property has a name, and a generator of its own: a property added later changes no other, and a pair depends on the
seed and its number alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

SOURCE, TARGET = 0, 1
_CONTENT = 2

# How much of the source's appearance the target gives up, by level.
LEVELS = (0.0, 1.0, 2.0, 3.0)
CHANGE = (0.1, 0.45, 0.8, 1.0)


@dataclass(frozen=True)
class Dice:
    """The random properties of one image of a pair.

    Attributes:
        seed: The data set's.
        number: The pair's.
        level: Difficulty, 0 to 3.
        side: ``SOURCE`` or ``TARGET``.
    """

    seed: int
    number: int
    level: float
    side: int

    @property
    def change(self) -> float:
        """How far the target is from the source, 0 (alike) to 1 (independent)."""
        return float(np.interp(self.level, LEVELS, CHANGE))

    def by_level(self, easiest: float, hardest: float) -> float:
        """Return the number between the two that belongs to the level."""
        return float(np.interp(self.level, (0.0, 3.0), (easiest, hardest)))

    def content(self, name: str) -> np.random.Generator:
        """Return a generator that is the same for both images."""
        return self._generator(name, _CONTENT)

    def own(self, name: str) -> np.random.Generator:
        """Return a generator of this image alone."""
        return self._generator(name, self.side)

    def choice(self, name: str, options: Sequence[T]) -> T:
        """Choose an option; the target keeps the source's with probability ``1 - change``."""
        side = SOURCE
        if self.side == TARGET and self._generator(f"{name}?", TARGET).random() < self.change:
            side = TARGET
        return options[int(self._generator(name, side).integers(len(options)))]

    def uniform(self, name: str, low: float, high: float) -> float:
        """Draw a number; the target's is ``change`` of the way from the source's to one of its own."""
        drawn = float(self._generator(name, SOURCE).uniform(low, high))
        if self.side == TARGET:
            own = float(self._generator(name, TARGET).uniform(low, high))
            drawn += self.change * (own - drawn)
        return drawn

    def _generator(self, name: str, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.number, zlib.crc32(name.encode()), stream])
