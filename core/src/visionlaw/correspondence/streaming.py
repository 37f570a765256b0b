"""From pairs to rows in one pass over the images, with few features in memory at a time.

Images pass the encoder in the order in which pairs need them. As a source, an image leaves the descriptors of its
keypoints behind; as a target it is kept until the sources of all its pairs have passed, and is then searched for all
of them at once, in one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import torch

from visionlaw.correspondence.definitions import Definition
from visionlaw.correspondence.pairs import PairTable
from visionlaw.correspondence.rows import Grid, RowSet, cosines
from visionlaw.features.extract import extract_stream
from visionlaw.features.maps import FeatureMap
from visionlaw.features.results import Extracted
from visionlaw.features.sources import Source
from visionlaw.protocols import EncoderRef, FeatureStore, ImageRef, Pair

RowSets = Mapping[tuple[str, Grid], RowSet]


def images_of(pairs: Sequence[Pair]) -> list[ImageRef]:
    """Return the distinct images of the pairs, in the order in which they are needed."""
    return list({image.key: image for pair in pairs for image in (pair.source, pair.target)}.values())


def fill_rows(
    encoders: Sequence[EncoderRef],
    table: PairTable,
    definition: Definition,
    sets: RowSets,
    cache: FeatureStore | None = None,
    progress: Callable[[int], None] | None = None,
    device: str = "cpu",
) -> None:
    """Compute the rows of all pairs, each image encoded once.

    Args:
        encoders: Whose features are compared, each with itself; those of one forward pass
            (:func:`visionlaw.features.layers.passes`).
        table: Pairs in any order; neighbours that share images need least memory.
        definition: How keypoints are described and targets searched.
        sets: What is filled: by encoder id and grid.
        cache: As for :func:`visionlaw.features.extract.extract_stream`.
        progress: Called with the number of images finished since the last call, counted once for each encoder.
        device: Where the products are computed.

    Raises:
        DataError: An image cannot be used.
    """
    run = _Run(table, definition, sets, device)
    sources = (Source(image.key, lambda image=image: image) for image in images_of(table.pairs))
    with torch.inference_mode():
        for result in extract_stream(encoders, sources, cache, strict_images=True):
            if isinstance(result, Extracted):
                run.take(result.key, result.maps)
                if progress is not None:
                    progress(len(encoders))


class _Run:
    """Descriptors that wait for their targets, and targets that wait for their sources."""

    def __init__(self, table: PairTable, definition: Definition, sets: RowSets, device: str) -> None:
        self.table = table
        self.definition = definition
        self.sets = sets
        self.device = device
        self.by_source = _group([pair.source.key for pair in table.pairs])
        self.by_target = _group([pair.target.key for pair in table.pairs])
        self.places = np.split(np.arange(table.keypoints), table.starts[1:-1])
        self.missing = {key: len(pairs) for key, pairs in self.by_target.items()}
        self.described: dict[int, dict[tuple[str, Grid], torch.Tensor]] = {}
        self.waiting: dict[str, Mapping[str, FeatureMap]] = {}

    def take(self, key: str, maps: Mapping[str, FeatureMap]) -> None:
        """Use an image for all that it is needed for."""
        if key in self.by_target:
            self.waiting[key] = maps
        ready = {key: None} if key in self.by_target else {}
        pairs = self.by_source.get(key, [])
        if pairs:
            self.describe(pairs, maps)
            ready |= dict.fromkeys(self.table.pairs[pair].target.key for pair in pairs)
        for target in ready:
            if target in self.waiting and not self.missing[target]:
                self.search(self.by_target[target], self.waiting.pop(target))

    def describe(self, pairs: Sequence[int], maps: Mapping[str, FeatureMap]) -> None:
        """Describe the keypoints of all pairs of one source."""
        points = [self.table.pairs[pair].source_points for pair in pairs]
        ends = np.cumsum([len(p) for p in points])[:-1].tolist()
        for encoder, grid in self.sets:
            found = self.definition.describe(maps[encoder], np.concatenate(points), grid).to(self.device)
            for pair, part in zip(pairs, found.tensor_split(ends), strict=True):
                self.described.setdefault(pair, {})[encoder, grid] = part
        for pair in pairs:
            self.missing[self.table.pairs[pair].target.key] -= 1

    def search(self, pairs: Sequence[int], maps: Mapping[str, FeatureMap]) -> None:
        """Compare the keypoints of all pairs of one target with its tokens."""
        descriptors = [self.described.pop(pair) for pair in pairs]
        places = torch.from_numpy(np.concatenate([self.places[pair] for pair in pairs]))  # pyright: ignore[reportUnknownMemberType]
        for (encoder, grid), rows in self.sets.items():
            searched = self.definition.searched(maps[encoder], grid)
            together = torch.cat([found[encoder, grid] for found in descriptors])
            tokens = searched.tokens.to(self.device)
            similarity = cosines(together, tokens, self.definition.added_length)
            rows.similarity.index_copy_(0, places, similarity.cpu())
            for pair in pairs:
                rows.placement.put(pair, searched.geometry)


def _group(keys: Collection[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return groups
