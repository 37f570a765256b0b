"""Feeding a training: records in random order become texts and tokens, batch after batch, without end.

Every encoder runs once per image, whatever the number of representations that use it, in the batches that
:meth:`visionlaw.features.extractor.Extractor.stream_sources` makes; reading, encoding and the training overlap. Of
several processes each takes its own share of the records.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from visionlaw.errors import DataError
from visionlaw.features.extractor import Extractor
from visionlaw.features.results import Quarantined
from visionlaw.features.sources import Source
from visionlaw.protocols import FeatureStore
from visionlaw_mllm.order import draw_order
from visionlaw_mllm.prompts import Example
from visionlaw_mllm.records import Record, RecordSet, Skipped

ALIGNED = 64
"""Images after which the batches of encoders begin anew wherever a run is resumed; batch sizes divide it."""


@dataclass(frozen=True)
class Position:
    """How far a process has come.

    Attributes:
        epoch: The pass over the records.
        start: Where in the pass's order reading begins when the run is resumed.
        skip: So many entries from there on have been used before; they are read again, so that encoders see the same
            batches as in a run that was never interrupted.
    """

    epoch: int = 0
    start: int = 0
    skip: int = 0


@dataclass(frozen=True)
class Share:
    """The part of the records that one of several processes trains on."""

    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class Fed:
    """One record, ready to be trained on.

    Attributes:
        example: Its text.
        tokens: Its image's tokens ``[t, C]`` by representation; empty for text alone.
        after: Where to go on behind it.
    """

    example: Example
    tokens: Mapping[str, torch.Tensor]
    after: Position


@dataclass
class _Entry:
    record: Record
    example: Example
    after: Position
    used_before: bool


@dataclass
class Feed:
    """What a training is fed with.

    Attributes:
        records: All there are.
        extractor: Its representations.
        encode: Turns a record into a text; raises DataError for one that cannot be trained on.
        seed: Of the random order.
        share: Which of the records are this process's.
        cache: Where features are looked up and kept; None: nowhere.
        images_only: Whether records of text alone are left out.
        skip: Told each record that is left out and why, once per pass.
    """

    records: RecordSet
    extractor: Extractor
    encode: Callable[[Record], Example]
    seed: int
    share: Share = field(default_factory=Share)
    cache: FeatureStore | None = None
    images_only: bool = False
    skip: Callable[[Skipped], None] = lambda _: None

    def batches(self, position: Position, sizes: Sequence[int]) -> Generator[tuple[Fed, ...]]:
        """Yield batches from a position on, for ever.

        Args:
            position: :attr:`Fed.after` of what was used last.
            sizes: Records per batch, again and again.

        Raises:
            DataError: In a whole pass no record can be used.
            PluginError: An encoder fails.
        """
        with contextlib.closing(self.examples(position)) as examples:
            for size in itertools.cycle(sizes):
                yield tuple(itertools.islice(examples, size))

    def examples(self, position: Position) -> Generator[Fed]:
        """Yield records one by one from a position on, for ever; raises as :meth:`batches`."""
        waiting: deque[_Entry] = deque()
        failures, most = 0, max(1, math.ceil(len(self.records) / self.share.world))
        sources = self._sources(position, waiting)
        with contextlib.closing(self.extractor.stream_sources(sources, self.cache)) as results:
            for result in results:
                while waiting[0].record.image is None:
                    entry = waiting.popleft()
                    if not entry.used_before:
                        yield Fed(entry.example, {}, entry.after)
                entry = waiting.popleft()
                if isinstance(result, Quarantined):
                    self.skip(Skipped(entry.record.position, entry.record.id, result.reason))
                    failures += 1
                    if failures >= most:
                        raise DataError(f"No image of '{self.records.path}' can be used: {result.reason}")
                    continue
                failures = 0
                if not entry.used_before:
                    yield Fed(entry.example, {name: m.tokens for name, m in result.maps.items()}, entry.after)

    def _sources(self, position: Position, waiting: deque[_Entry]) -> Iterator[Source]:
        """Yield the images of records that can be used; all of these, in order, are put into ``waiting``."""
        first = anchor = replace(position, skip=0)
        since, images, unused = 0, 0, 0
        for epoch in itertools.count(position.epoch):
            begin = position.start if epoch == position.epoch else 0
            for place, record in self._order(epoch, begin):
                example = self._example(record)
                if isinstance(record, Skipped) or example is None:
                    since, unused = since + 1, unused + 1
                    if unused > len(self.records):
                        raise DataError(f"No record of '{self.records.path}' can be trained on.")
                    continue
                if record.image is not None:
                    if images % ALIGNED == 0 and images:
                        anchor, since = Position(epoch, place), 0
                    images += 1
                since, unused = since + 1, 0
                used_before = anchor is first and since <= position.skip
                waiting.append(_Entry(record, example, replace(anchor, skip=since), used_before))
                if record.image is not None:
                    yield record.image

    def _order(self, epoch: int, begin: int) -> Iterator[tuple[int, Record | Skipped]]:
        """Yield this process's share of a pass, each record with its place in the pass."""
        places: deque[int] = deque()

        def positions() -> Iterator[int]:
            for place, position in enumerate(draw_order(self.records.blocks, self.seed, epoch, begin), begin):
                if place % self.share.world == self.share.rank:
                    places.append(place)
                    yield position

        for record in self.records.read(positions()):
            yield places.popleft(), record

    def _example(self, record: Record | Skipped) -> Example | None:
        """Return the text of a record that can be trained on."""
        if isinstance(record, Skipped):
            self.skip(record)
            return None
        if record.image is None and self.images_only:
            self.skip(Skipped(record.position, record.id, "It has no image."))
            return None
        try:
            return self.encode(record)
        except DataError as error:
            self.skip(Skipped(record.position, record.id, str(error)))
            return None
