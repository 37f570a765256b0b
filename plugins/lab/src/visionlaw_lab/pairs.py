"""The data set ``lab``: a scene, and the same things again in other places, of other sizes, before another background.

Digits come again in another hand: what has to be found is the same thing, not the same pixels. Keypoints are the middle
of each item and four points halfway to the corners of its box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionlaw.errors import DataError
from visionlaw.protocols import Pair
from visionlaw.specs import DatasetSpec
from visionlaw_lab.names import GENERATOR, SIDE
from visionlaw_lab.rendering import scene_ref
from visionlaw_lab.scenes import Item, Scene, draw_scene, extent, rearranged
from visionlaw_lab.sources import checked_seed, refuse_root

MOST = 100_000
OFFSETS = np.array([(0, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)]) / 4


class LabPairs:
    """Rearranged scenes, a :class:`visionlaw.protocols.CorrespondenceDataset`.

    ``size`` is the scene's side, as PF-PASCAL takes the image's: α = 0.1 forgives 11 pixels, which is the most that the
    middle of the right token can be off. A scene in which two items are alike but for their place is drawn again, since
    none of the two would be the true one. ``attributes`` say what kind of item most keypoints are on.
    """

    def __init__(self, pairs: int, seed: int) -> None:
        self._pairs = pairs
        self._seed = seed

    @property
    def version(self) -> str:
        """Generator and options."""
        return f"lab-{GENERATOR};pairs={self._pairs};seed={self._seed}"

    def __len__(self) -> int:
        """Count the pairs."""
        return self._pairs

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs."""
        number, found = 0, 0
        while found < self._pairs:
            scene = draw_scene("pairs", "test", self._seed, number)
            number += 1
            if _distinct(scene):
                found += 1
                yield _pair(scene, rearranged(scene, self._seed))


def build(spec: DatasetSpec, root: Path | None = None, pairs: int = 100, seed: int = 0) -> LabPairs:
    """Return the data set ``lab``.

    Args:
        spec: The spec that names this function.
        root: Not used: nothing is read.
        pairs: How many, 1 to 100,000.
        seed: Of everything random, 0 or more.

    Raises:
        DataError: An option is out of range, or a folder is given.
    """
    refuse_root(root)
    if not 1 <= pairs <= MOST:
        raise DataError(f"The option pairs={pairs} is out of range.", f"Ask for 1 to {MOST:,} pairs.")
    return LabPairs(pairs, checked_seed(seed))


def _pair(source: Scene, target: Scene) -> Pair:
    again = {_identity(item): item for item in target.items}
    points = [(keypoints(item), keypoints(again[_identity(item)])) for item in source.items]
    kinds = [item.kind for item in source.items]
    return Pair(
        id=source.name,
        source=scene_ref(source),
        target=scene_ref(target),
        source_points=np.concatenate([here for here, _ in points]),
        target_points=np.concatenate([there for _, there in points]),
        size=float(SIDE),
        category="scene",
        attributes={"items": len(kinds), "digit": int("digit" in kinds), "word": int("word" in kinds)},
    )


def keypoints(item: Item) -> NDArray[np.float64]:
    """Return the pixel positions ``[5, 2]`` of an item's keypoints."""
    return np.array([item.x, item.y]) + OFFSETS * np.array(extent(item))


def _distinct(scene: Scene) -> bool:
    return len({_identity(item) for item in scene.items}) == len(scene.items)


def _identity(item: Item) -> tuple[str, str, str]:
    return item.kind, item.name, item.colour
