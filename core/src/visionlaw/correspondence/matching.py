"""Matching: where the features of every representation of a job find the keypoints, from one pass per encoder.

Encoder by encoder, only the rows of keypoints are kept (:mod:`visionlaw.correspondence.rowcache`), and the rows of a
combination are made of its parts' (:mod:`visionlaw.correspondence.subsets`). So the matches of all 2^N - 1 combinations
cost N extractions, and no features are held beyond the images in hand. The rows of an encoder are 4 bytes × keypoints ×
tokens: 0.1 GB for SPair-71k's test pairs on a 16×16 grid, 1.3 GB on 60×60; where the job names a folder they are files
that are mapped into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

import numpy as np

from visionlaw.correspondence.definitions import Definition
from visionlaw.correspondence.pairs import Matches, PairTable
from visionlaw.correspondence.rowcache import RowCache, rows_of
from visionlaw.correspondence.rowfiles import RowsOf
from visionlaw.correspondence.rows import Grid, RowSet
from visionlaw.correspondence.streaming import fill_rows, images_of
from visionlaw.correspondence.subsets import locate_all
from visionlaw.errors import DataError
from visionlaw.features.layers import passes
from visionlaw.protocols import EncoderRef, Representation, ScoringJob
from visionlaw.scoring.representations import check_combinable, name_of

HELD = 2**27
"""Bytes of positions that are held at a time."""

Key = tuple[str, Grid]


def match_all(job: ScoringJob, table: PairTable, definition: Definition) -> Iterator[tuple[Representation, Matches]]:
    """Match the pairs with every representation of a job; the job's own data are not looked at.

    Yields:
        A representation soon after its last encoder is through, and its matches.

    Raises:
        DataError: Encoders of different resize modes are combined, and nothing has been encoded then; or an image, or
            the folder of the rows, cannot be used.
        PluginError: An encoder or the combiner fails.
    """
    for representation in job.representations:
        check_combinable(representation)
    plan = _Plan(job.representations, definition)
    rows = _Rows(job, table, definition, plan)
    kept: dict[Key, RowSet] = {}
    for encoders in plan.passes:
        kept |= rows.of(encoders)
        complete = plan.complete_after(encoders)
        for grid in dict.fromkeys(map(plan.grid, complete)):
            yield from _matches(job, table, definition, [r for r in complete if plan.grid(r) == grid], grid, kept)
        needed = plan.needed_after(encoders)
        kept = {key: found for key, found in kept.items() if key in needed}


def _matches(
    job: ScoringJob,
    table: PairTable,
    definition: Definition,
    representations: Sequence[Representation],
    grid: Grid,
    kept: dict[Key, RowSet],
) -> Iterator[tuple[Representation, Matches]]:
    """Match with representations of one grid, whose rows are there."""
    ids = sorted({part.id for r in representations for part in r})
    sets = [kept[part, grid] for part in ids]
    number = {part: index for index, part in enumerate(ids)}
    paths = [tuple(number[part.id] for part in r) for r in representations]
    _check_geometry(sets, paths, definition.matcher.zoom)
    together = max(1, HELD // (8 * table.keypoints))
    for start in range(0, len(paths), together):
        several = paths[start : start + together]
        located = locate_all(
            several, [rows.similarity for rows in sets], grid, definition.matcher, job.combiner, job.device
        )
        for representation, path, cells in zip(representations[start:], several, located, strict=False):
            yield representation, definition.judge(table, sets[path[0]].placement, cells.double().numpy())


def _check_geometry(sets: Sequence[RowSet], paths: Iterable[tuple[int, ...]], zoom: int) -> None:
    """Check that the parts of each combination show the same part of every target image.

    Raises:
        DataError: They do not, as cropping and squashing.
    """
    for first, other in {(path[0], part) for path in paths for part in path[1:]}:
        same = sets[first].placement.shows_the_same(sets[other].placement, zoom)
        if not same.all():
            width, height = sets[first].placement.sizes[int(np.argmin(same))]
            raise DataError(
                f"Encoders that show different parts of a {width}×{height} image cannot be combined.",
                "Combine encoders of one resize mode; 'visionlaw show ID' names it.",
            )


class _Rows:
    """The rows of a job's encoders: read where they are kept, computed where not."""

    def __init__(self, job: ScoringJob, table: PairTable, definition: Definition, plan: _Plan) -> None:
        self.job = job
        self.table = table
        self.definition = definition
        self.plan = plan
        self.cache = RowCache(None if job.scratch is None else job.scratch / "rows", job.scratch_limit)
        self.images = len(images_of(table.pairs))
        self.done = 0

    def of(self, encoders: Sequence[EncoderRef]) -> dict[Key, RowSet]:
        """Return the rows of the encoders of one forward pass on all grids on which they are needed."""
        stage = encoders[0].id if len(encoders) == 1 else f"{encoders[0].id} and {len(encoders) - 1} more of its layers"
        self.report(stage, 0)
        wanted = {(e.id, grid): self.rows_of(e, grid) for e in encoders for grid in self.plan.grids(e)}
        found = {key: self.cache.get(rows) for key, rows in wanted.items()}
        missing = [key for key, rows in found.items() if rows is None]
        absent = [encoder for encoder in encoders if any(encoder.id == name for name, _ in missing)]
        with ExitStack() as stack:
            filled = {key: stack.enter_context(self.cache.writing(wanted[key])) for key in missing}
            self.report(stage, self.images * (len(encoders) - len(absent)))
            if filled:
                fill_rows(
                    absent,
                    self.table,
                    self.definition,
                    filled,
                    self.job.cache,
                    lambda count: self.report(stage, count),
                    self.job.device,
                )
        return {key: rows for key, rows in found.items() if rows is not None} | filled

    def rows_of(self, encoder: EncoderRef, grid: Grid) -> RowsOf:
        return rows_of(encoder, self.table, grid, self.definition.rows)

    def report(self, stage: str, count: int) -> None:
        """Tell how many images of all encoders are through."""
        self.done += count
        self.job.progress(stage, self.done, self.images * len(self.plan.encoders))


class _Plan:
    """In which order the encoders run, layers of one network together, on which grids, and how long rows are kept."""

    def __init__(self, representations: Sequence[Representation], definition: Definition) -> None:
        self.representations = list({name_of(r): r for r in representations}.values())
        self.passes = passes(part for r in self.representations for part in r)
        self.encoders = [encoder for encoders in self.passes for encoder in encoders]
        position = {encoder.id: index for index, encoders in enumerate(self.passes) for encoder in encoders}
        self._grids = {name_of(r): definition.grid([part.spec.grid for part in r]) for r in self.representations}
        self._last = {name_of(r): max(position[part.id] for part in r) for r in self.representations}
        self._position = position

    def grid(self, representation: Representation) -> Grid:
        """The grid on which the parts meet."""
        return self._grids[name_of(representation)]

    def grids(self, encoder: EncoderRef) -> list[Grid]:
        """All grids on which an encoder's rows are needed."""
        users = [r for r in self.representations if any(part.id == encoder.id for part in r)]
        return list(dict.fromkeys(map(self.grid, users)))

    def complete_after(self, encoders: Sequence[EncoderRef]) -> list[Representation]:
        """The representations whose last encoder is in this pass."""
        at = self._position[encoders[0].id]
        return [r for r in self.representations if self._last[name_of(r)] == at]

    def needed_after(self, encoders: Sequence[EncoderRef]) -> set[Key]:
        """The row sets that representations still to come are made of."""
        at = self._position[encoders[0].id]
        coming = [r for r in self.representations if self._last[name_of(r)] > at]
        return {(part.id, self.grid(r)) for r in coming for part in r}
