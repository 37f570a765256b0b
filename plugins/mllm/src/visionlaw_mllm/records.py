"""Records to train on: conversations about images, in LLaVA's form, streamed from any of four formats.

A record is ``{"id", "image", "conversations": [{"from": "human", "value": "<image>\\n…"}, {"from": "gpt", …}]}``
(PROTOCOLS §2); without ``image`` it is text alone. It stands in a JSON array, in JSON lines, in parquet, or in
WebDataset shards. What is wrong with one record is said as a :class:`Skipped` in its place; the others go on. That an
image is missing or broken shows when its source is opened, and no sooner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.features.sources.source import Source
from visionlaw_mllm.conversations import Turn, read_turns
from visionlaw_mllm.formats import Table, open_table
from visionlaw_mllm.images import find_image
from visionlaw_mllm.order import Block, draw_order

__all__ = ["Record", "RecordSet", "Skipped", "Tally", "Turn", "read_records"]

LISTED = 1000


@dataclass(frozen=True)
class Record:
    """One conversation, about one image or about none.

    Attributes:
        id: As its maker calls it; its position where he does not.
        position: Its place in the data, counted from zero.
        image: Not yet read: whether it is there shows when it is opened. None for text alone.
        turns: A system turn or none, then human and gpt in turn; a human turn has the tag ``<image>`` once if there is
            an image, and no turn has it otherwise.
    """

    id: str
    position: int
    image: Source | None
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Skipped:
    """A record that cannot be used.

    Attributes:
        position: Its place in the data, counted from zero.
        id: Its id, where it has one that can be read.
        reason: One sentence.
    """

    position: int
    id: str
    reason: str


@dataclass
class Tally:
    """How many records there are of each kind, for messages.

    Attributes:
        with_image: Records about an image.
        text_only: Records without one.
        skipped: Records that could not be used.
        listed: The first ``LISTED`` of those, with the reason.
    """

    with_image: int = 0
    text_only: int = 0
    skipped: int = 0
    listed: list[Skipped] = field(default_factory=list[Skipped])

    @property
    def records(self) -> int:
        """All of them."""
        return self.with_image + self.text_only + self.skipped

    def add(self, record: Record | Skipped) -> None:
        """Count one."""
        if isinstance(record, Skipped):
            self.skipped += 1
            if len(self.listed) < LISTED:
                self.listed.append(record)
        elif record.image is None:
            self.text_only += 1
        else:
            self.with_image += 1

    def __str__(self) -> str:
        counts = (("with an image", self.with_image), ("of text alone", self.text_only), ("skipped", self.skipped))
        said = ", ".join(f"{count:,} {what}" for what, count in counts if count)
        return f"{self.records:,} records" + (f": {said}" if said else "")


class RecordSet(Sequence["Record | Skipped"]):
    """All records of a file or folder, by position or in random order; only an index is held in memory.

    ``records[i]`` and ``len(records)`` work for every format, so this is a map-style data set of torch too; read in
    order, or in the order of :meth:`stream`, is faster.

    Attributes:
        path: The file or folder.
        version: Digest that changes with the records, for the provenance.
    """

    def __init__(self, path: Path, table: Table, images: Path) -> None:
        self.path = path
        self.version = table.version
        self._table = table
        self._images = images

    @classmethod
    def open(cls, path: str | Path, images: str | Path | None = None) -> RecordSet:
        """Index the records at a path, in one pass.

        Args:
            path: A ``.json`` file with an array, or with JSON lines, as ``.jsonl``; a ``.parquet`` file or a ``.tar``
                shard; or a folder with parquet files or shards.
            images: The folder that the image paths in records are relative to; None: the one that ``path`` lies in.

        Raises:
            DataError: There are no records to read there, or ``images`` is not a folder.
            MissingDependencyError: ``path`` is parquet, and pyarrow is not installed.
        """
        path = Path(path).expanduser()
        folder = Path(images).expanduser() if images is not None else path if path.is_dir() else path.parent
        table = open_table(path)
        if not folder.is_dir():
            raise DataError(f"The image folder '{folder}' is not there.", "Give the folder that image paths start in.")
        return cls(path, table, folder)

    def __len__(self) -> int:
        """Count the records, those that will be skipped included."""
        return sum(block.rows for block in self._table.blocks)

    def __getitem__(self, position: int) -> Record | Skipped:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the record of a position."""
        if not -len(self) <= position < len(self):
            raise IndexError(f"There is no record {position} among {len(self)}.")
        return next(self.read([position % len(self)]))

    def __iter__(self) -> Iterator[Record | Skipped]:
        """Yield all, as they stand in the file."""
        return self.stream()

    def read(self, positions: Sequence[int] | Iterator[int]) -> Iterator[Record | Skipped]:
        """Yield the records of positions, in the order given."""
        for position, row in self._table.rows(iter(positions)):
            yield _record(position, row, self._images)

    def stream(self, seed: int | None = None, epoch: int = 0, start: int = 0) -> Iterator[Record | Skipped]:
        """Yield all records once, each or the reason why there is none.

        Args:
            seed: Of the random order; None: as they stand in the file.
            epoch: Each has an order of its own.
            start: How many of this epoch's have been yielded before: goes on behind them, without reading them again.
        """
        return self.read(draw_order(self.blocks, seed, epoch, start))

    @property
    def blocks(self) -> Sequence[Block]:
        """The parts that are read as a whole, such as parquet's row groups: what random order is made of."""
        return self._table.blocks

    def survey(self) -> Tally:
        """Read all records, without their images, and count what there is."""
        tally = Tally()
        for record in self:
            tally.add(record)
        return tally


def read_records(path: Path, images: Path | None = None, start: int = 0) -> Iterator[Record | Skipped]:
    """Yield the records at a path as they stand there, from a position on; as :meth:`RecordSet.open` otherwise."""
    return RecordSet.open(path, images).stream(start=start)


def _record(position: int, row: object, images: Path) -> Record | Skipped:
    name = f"record {position}"
    try:
        if isinstance(row, DataError):
            raise row
        if not isinstance(row, dict):
            raise DataError(f"It is {type(row).__name__}, not an object with 'conversations'.")
        facts: dict[str, object] = row  # pyright: ignore[reportUnknownVariableType]
        given = facts.get("id")
        name = str(given)[:200] if isinstance(given, (str, int)) else str(position)
        image = find_image(facts.get("image", facts.get("images")), name, images)
        return Record(name, position, image, read_turns(facts.get("conversations"), image is not None))
    except DataError as error:
        return Skipped(position, name, str(error))
