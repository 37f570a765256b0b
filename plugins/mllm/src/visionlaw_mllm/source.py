"""The image source ``llava``: the image–caption pairs of records, such as LLaVA-Pretrain's 558K."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.protocols import CaptionedImage
from visionlaw.specs import ImageSourceSpec
from visionlaw_mllm.records import RecordSet, Skipped


class RecordImages:
    """The images of records, each with the first answer as its caption; read by place, one at a time.

    A :class:`visionlaw.protocols.ImageSource`. Its length is the number of records: that one has no image, or none that
    is there, shows when it is read.
    """

    def __init__(self, records: RecordSet) -> None:
        self._records = records

    def __len__(self) -> int:
        """Count the records."""
        return len(self._records)

    def __getitem__(self, index: int, /) -> CaptionedImage:
        """Return the image and the caption of a record.

        Raises:
            DataError: The record cannot be used, has no image, or its image cannot be read.
        """
        record = self._records[index]
        if isinstance(record, Skipped):
            raise DataError(f"Record {record.position} ('{record.id}') cannot be used: {record.reason}")
        if record.image is None:
            raise DataError(f"Record {record.position} ('{record.id}') has no image.")
        return record.image.open(), next(turn.text for turn in record.turns if turn.speaker == "gpt")

    def __iter__(self) -> Iterator[CaptionedImage]:
        """Yield all, as they stand in the data."""
        return (self[place] for place in range(len(self)))


def build(spec: ImageSourceSpec, root: Path | str | None = None, images: str = "") -> RecordImages:
    """Return the image–caption pairs of records.

    Args:
        spec: The spec that names this function.
        root: Where the records are (:meth:`visionlaw_mllm.records.RecordSet.open`).
        images: The folder that the records' image paths are relative to, itself relative to the one that the records
            lie in; empty: that one.

    Raises:
        DataError: There are no records, or no such folder.
        MissingDependencyError: They are parquet, and pyarrow is not installed.
    """
    if root is None:
        raise DataError(f"The image source '{spec.id}' needs records.", "Give them: --root PATH.json")
    path = Path(root).expanduser()
    folder = path if path.is_dir() else path.parent
    return RecordImages(RecordSet.open(path, folder / images))
