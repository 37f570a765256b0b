"""Matching: where the features of every representation of a job find the keypoints, from one pass per encoder.

A keypoint is found at the token of the highest cosine, taken as the pixel position of that token's centre (PROTOCOLS
§3). Encoder by encoder, only the rows of keypoints are kept, and the rows of a combination are made of its parts' rows
(:mod:`visionlaw.features.combine`). So the matches of all 2^N - 1 combinations cost N extractions, and no features are
held beyond the pair in hand.

The rows of an encoder stay in memory until its last combination is through: 4 bytes × keypoints × tokens, which is
0.2 GB for SPair-71k's 12,234 test pairs of about 8 keypoints on a 24×24 grid. A job that combines N encoders holds up
to N such sets, and one more for each further grid on which the rows of an encoder are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from visionlaw.correspondence.pck import Floats, Matches
from visionlaw.correspondence.rows import Rows, combine
from visionlaw.correspondence.streaming import Grid, images_of, stream_rows
from visionlaw.features.combine import common_grid
from visionlaw.features.layers import passes
from visionlaw.protocols import EncoderRef, Pair, Representation, ScoringJob
from visionlaw.scoring.representations import check_combinable, name_of

TIE = 1e-6

PairRows = list[Rows]


def locate(rows: Rows) -> Floats:
    """Return where each keypoint is found: ``[m, 2]`` pixel positions of the best token's centre.

    Similarities within 1e-6 of the best are ties, which is what float32 can tell apart; the token of the lowest index
    wins. The outcome then does not depend on the order in which a machine adds.
    """
    best = rows.similarity.amax(dim=1, keepdim=True)
    winner = (rows.similarity >= best - TIE).int().argmax(dim=1)
    return rows.geometry.cell_centres()[winner.numpy()]


def match(pair: Pair, rows: Rows) -> Matches:
    """Locate the keypoints of a pair and measure the errors."""
    found = locate(rows)
    return Matches(pair.id, pair.category, found, np.linalg.norm(found - pair.target_points, axis=1) / pair.size)


def match_all(job: ScoringJob, pairs: Sequence[Pair]) -> Iterator[tuple[Representation, list[Matches]]]:
    """Match the pairs with every representation of a job; the job's own data are not looked at.

    Yields:
        A representation as soon as its last encoder is through, and its matches in the order of the pairs.

    Raises:
        DataError: Encoders of different resize modes are combined; nothing has been encoded then.
    """
    for representation in job.representations:
        check_combinable(representation)
    plan = _Plan(job.representations)
    images = len(images_of(pairs))
    total = images * len(plan.encoders)
    done = 0
    kept: dict[tuple[str, Grid | None], PairRows] = {}
    for encoders in plan.passes:
        stage = encoders[0].id if len(encoders) == 1 else f"{encoders[0].id} and {len(encoders) - 1} more of its layers"
        job.progress(stage, done, total)
        sets = {e.id: {grid: dict[int, Rows]() for grid in plan.grids(e)} for e in encoders}

        def report(count: int, stage: str = stage) -> None:
            nonlocal done
            done += count
            job.progress(stage, done, total)

        for index, by_encoder in stream_rows(encoders, pairs, sets, job.cache, report):
            for name, by_grid in by_encoder.items():
                for grid, rows in by_grid.items():
                    sets[name][grid][index] = rows
        for name, by_grid in sets.items():
            for grid, by_index in by_grid.items():
                kept[name, grid] = [by_index[index] for index in range(len(pairs))]
        for representation in (r for encoder in encoders for r in plan.complete_after(encoder)):
            grid = plan.grid(representation)
            parts = [kept[part.id, grid] for part in representation]
            yield (
                representation,
                [match(pair, combine(rows, job.combiner)) for pair, *rows in zip(pairs, *parts, strict=True)],
            )
        needed = plan.needed_after(encoders[-1])
        kept = {key: rows for key, rows in kept.items() if key in needed}


class _Plan:
    """In which order the encoders run, layers of one network together, on which grids, and how long rows are kept."""

    def __init__(self, representations: Sequence[Representation]) -> None:
        self.representations = list({name_of(r): r for r in representations}.values())
        self.passes = passes(part for r in self.representations for part in r)
        self.encoders = [encoder for encoders in self.passes for encoder in encoders]
        self._position = {encoder.id: index for index, encoder in enumerate(self.encoders)}

    def grid(self, representation: Representation) -> Grid | None:
        """The grid on which the parts meet; None for the encoder's own, where there is one part."""
        if len(representation) == 1:
            return None
        return common_grid([part.spec.grid for part in representation])

    def grids(self, encoder: EncoderRef) -> list[Grid | None]:
        users = [r for r in self.representations if encoder.id in {part.id for part in r}]
        return list(dict.fromkeys(self.grid(r) for r in users))

    def complete_after(self, encoder: EncoderRef) -> list[Representation]:
        """The representations whose last encoder this is."""
        return [r for r in self.representations if self._last(r) == self._position[encoder.id]]

    def needed_after(self, encoder: EncoderRef) -> set[tuple[str, Grid | None]]:
        """The row sets that representations still to come are made of."""
        coming = [r for r in self.representations if self._last(r) > self._position[encoder.id]]
        return {(part.id, self.grid(r)) for r in coming for part in r}

    def _last(self, representation: Representation) -> int:
        return max(self._position[part.id] for part in representation)
