"""From pairs to rows in one pass over the images, with few features in memory at a time.

Images pass the encoder in the order in which pairs need them. A pair is compared as soon as both its images are there,
and an image's features are dropped after its last pair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from visionlaw.correspondence.rows import Rows, rows
from visionlaw.features.extract import extract_stream
from visionlaw.features.maps import FeatureMap
from visionlaw.features.results import Extracted
from visionlaw.features.sources import Source
from visionlaw.protocols import EncoderRef, FeatureStore, ImageRef, Pair

Grid = tuple[int, int]


def images_of(pairs: Sequence[Pair]) -> list[ImageRef]:
    """Return the distinct images of the pairs, in the order in which they are needed."""
    return list({image.key: image for pair in pairs for image in (pair.source, pair.target)}.values())


def stream_rows(
    encoders: Sequence[EncoderRef],
    pairs: Sequence[Pair],
    grids: Mapping[str, Collection[Grid | None]],
    cache: FeatureStore | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Mapping[str, Mapping[Grid | None, Rows]]]]:
    """Yield the rows of every pair, each image encoded once.

    Args:
        encoders: Whose features are compared, each with itself; those of one forward pass
            (:func:`visionlaw.features.layers.passes`).
        pairs: In any order; neighbours that share images need least memory.
        grids: Encoder id → the grids of the target on which its rows are wanted; None stands for its own.
        cache: As for :func:`visionlaw.features.extract.extract_stream`.
        progress: Called with the number of images finished since the last call, counted once for each encoder.

    Yields:
        The index of a pair, in the order in which they become complete, and its rows by encoder id and grid.

    Raises:
        DataError: An image cannot be used.
    """
    waiting: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        for key in {pair.source.key, pair.target.key}:
            waiting.setdefault(key, []).append(index)
    uses = Counter({key: len(indices) for key, indices in waiting.items()})
    alive: dict[str, Mapping[str, FeatureMap]] = {}
    sources = (Source(image.key, lambda image=image: image) for image in images_of(pairs))
    for result in extract_stream(encoders, sources, cache, strict_images=True):
        if not isinstance(result, Extracted):
            continue
        if progress is not None:
            progress(len(encoders))
        alive[result.key] = result.maps
        for index in waiting[result.key]:
            pair = pairs[index]
            if pair.source.key not in alive or pair.target.key not in alive:
                continue
            sides = alive[pair.source.key], alive[pair.target.key]
            yield index, {e.id: _rows(sides[0][e.id], sides[1][e.id], pair, grids[e.id]) for e in encoders}
            for done in {pair.source.key, pair.target.key}:
                uses[done] -= 1
                if not uses[done]:
                    del alive[done]


def _rows(
    source: FeatureMap, target: FeatureMap, pair: Pair, grids: Collection[Grid | None]
) -> dict[Grid | None, Rows]:
    wanted = {grid: grid or target.grid for grid in grids}
    computed = {grid: rows(source, target, pair.source_points, grid) for grid in set(wanted.values())}
    return {grid: computed[actual] for grid, actual in wanted.items()}
