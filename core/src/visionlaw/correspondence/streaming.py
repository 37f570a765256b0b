"""From pairs to rows in one pass over the images, with few features in memory at a time.

Images pass the encoder in the order in which pairs need them. A pair is compared as soon as both its images are there,
and an image's features are dropped after its last pair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from visionlaw.correspondence.rows import Rows, rows
from visionlaw.features.extract import extract
from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef, FeatureStore, ImageRef, Pair

Grid = tuple[int, int]


def images_of(pairs: Sequence[Pair]) -> list[ImageRef]:
    """Return the distinct images of the pairs, in the order in which they are needed."""
    return list({image.key: image for pair in pairs for image in (pair.source, pair.target)}.values())


def stream_rows(
    encoder: EncoderRef,
    pairs: Sequence[Pair],
    grids: Collection[Grid | None],
    cache: FeatureStore | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Mapping[Grid | None, Rows]]]:
    """Yield the rows of every pair, each image encoded once.

    Args:
        encoder: Whose features are compared.
        pairs: In any order; neighbours that share images need least memory.
        grids: The grids of the target on which rows are wanted; None stands for the encoder's own.
        cache: As for :func:`visionlaw.features.extract.extract`.
        progress: As there.

    Yields:
        The index of a pair, in the order in which they become complete, and its rows by grid.
    """
    waiting: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        for key in {pair.source.key, pair.target.key}:
            waiting.setdefault(key, []).append(index)
    uses = Counter({key: len(indices) for key, indices in waiting.items()})
    alive: dict[str, FeatureMap] = {}
    for key, features in extract(encoder, images_of(pairs), cache, progress):
        alive[key] = features
        for index in waiting[key]:
            pair = pairs[index]
            if pair.source.key not in alive or pair.target.key not in alive:
                continue
            source, target = alive[pair.source.key], alive[pair.target.key]
            wanted = {grid: grid or target.grid for grid in grids}
            computed = {grid: rows(source, target, pair.source_points, grid) for grid in set(wanted.values())}
            yield index, {grid: computed[actual] for grid, actual in wanted.items()}
            for done in {pair.source.key, pair.target.key}:
                uses[done] -= 1
                if not uses[done]:
                    del alive[done]
