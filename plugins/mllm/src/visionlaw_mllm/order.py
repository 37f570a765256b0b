"""The order in which records are read: as they stand, or at random, the same for a seed, from any position on.

A random order is a permutation, drawn in two steps because some formats are read in blocks: blocks are shuffled and
gathered into windows that fit into memory, and all rows of a window are shuffled. Data that are read by the record, as
JSON and shards, are one block, so that the permutation is uniform over all of them. It depends on the seed, the epoch
and the sizes of the blocks alone, so that a run goes on from any position without reading what went before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

WINDOW_BYTES = 2**28


@dataclass(frozen=True)
class Block:
    """Rows that are read together.

    Attributes:
        rows: How many.
        bytes: What they take in memory; 0 for rows that are read one at a time.
    """

    rows: int
    bytes: int = 0


def draw_order(blocks: Sequence[Block], seed: int | None, epoch: int = 0, start: int = 0) -> Iterator[int]:
    """Yield the positions of all rows, each once, from the ``start``-th on.

    Args:
        blocks: Of the data, in order.
        seed: Of the random order; None: ascending.
        epoch: Each has an order of its own.
        start: How many positions are passed over.
    """
    if seed is None:
        yield from range(start, sum(block.rows for block in blocks))
        return
    rng = np.random.default_rng([seed, epoch])
    firsts = [0, *accumulate(block.rows for block in blocks)]
    for window in _windows(blocks, rng):
        positions = np.concatenate([np.arange(firsts[b], firsts[b + 1]) for b in window])
        rng.shuffle(positions)
        yield from map(int, positions[start:])
        start = max(0, start - len(positions))


def _windows(blocks: Sequence[Block], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the blocks in random order, as many at a time as fit into ``WINDOW_BYTES``, but at least one."""
    shuffled = rng.permutation(len(blocks))
    sizes = np.array([blocks[b].bytes for b in shuffled])
    first, held = 0, 0
    for place, size in enumerate(sizes):
        if held and held + size > WINDOW_BYTES:
            yield shuffled[first:place]
            first, held = place, 0
        held += size
    if first < len(shuffled):
        yield shuffled[first:]
