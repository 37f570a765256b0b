"""A data set of annotation files and images: what a plugin's reader finds, as pairs. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from visionlaw.datasets.images import ImageFile, name_pairs, read_images
from visionlaw.datasets.index import Index, encode_record, read_index
from visionlaw.datasets.records import PairRecord, Reader
from visionlaw.protocols import Finding, Instances, Pair


class AnnotatedPairs:
    """The pairs of a folder of annotations and images, a :class:`visionlaw.protocols.CheckedDataset`.

    Annotations are read and checked once; what was found is kept (:func:`visionlaw.datasets.cachefolder.cache_folder`)
    for as long as names, sizes and times of the annotation files stay the same. Images are known by their content.
    Everything is read on first use. Pairs that cannot be used are left out, and have a finding: see
    :func:`visionlaw.datasets.checks.check_records`, and those whose images are missing or have no header that can be
    read. Images are not decoded: one that is cut off behind its header is found when it is loaded.

    Args:
        root: The data set's folder.
        reader: Reads its annotations.
        name: Identity of the reader and its options, such as ``spair?split=test``.
        format: Counts up whenever the reader's output changes.
        annotations: Files or folders below ``root`` that the reader reads.
    """

    def __init__(
        self,
        root: Path | str,
        reader: Reader,
        *,
        name: str,
        format: int,  # noqa: A002
        annotations: Sequence[str],
    ) -> None:
        self.root = Path(root).expanduser().resolve()
        self.name = name
        self._reader = reader
        self._format = format
        self._annotations = tuple(annotations)

    @cached_property
    def version(self) -> str:
        """Digest of the pairs and of the bytes of their images; the same wherever the data set lies.

        Raises:
            DataError: As :attr:`records`.
        """
        digest = hashlib.sha256()
        for record in self.records:
            values = encode_record(record)
            values[1:3] = self._images[record.source].ref.key, self._images[record.target].ref.key
            digest.update(json.dumps(values).encode() + b"\n")
        return f"{self.name};format={self._format};pairs={len(self)};content={digest.hexdigest()[:32]}"

    def __len__(self) -> int:
        """Count the pairs that can be used."""
        return len(self.records)

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs that can be used, in the reader's order.

        Raises:
            DataError: As :attr:`records`.
        """
        for record in self.records:
            yield _pair(record, self._images)

    @cached_property
    def records(self) -> tuple[PairRecord, ...]:
        """The records of the pairs that can be used.

        Raises:
            DataError: The annotations cannot be read at all.
        """
        there = self._images
        return tuple(r for r in self._index.records if r.source in there and r.target in there)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the annotations and the files of the images.

        Raises:
            DataError: As :attr:`records`.
        """
        return (*self._index.findings, *self._looked_at[1])

    def image_path(self, name: str) -> Path:
        """Return where an image that a record names lies."""
        return self._images[name].path

    def image_key(self, name: str) -> str:
        """Return the digest of an image that a record names."""
        return self._images[name].ref.key

    @property
    def names_by_key(self) -> Mapping[str, str]:
        """The images' names by their digests; of files with the same content, one."""
        return {image.ref.key: name for name, image in reversed(self._images.items())}

    @cached_property
    def _index(self) -> Index:
        return read_index(self.root, self._reader, self.name, self._format, self._annotations)

    @cached_property
    def _looked_at(self) -> tuple[dict[str, ImageFile], list[Finding]]:
        records = self._index.records
        images, findings = read_images(self.root, (name for r in records for name in (r.source, r.target)))
        return images, name_pairs(findings, ((r.id, r.source, r.target) for r in records))

    @property
    def _images(self) -> dict[str, ImageFile]:
        return self._looked_at[0]


def _pair(record: PairRecord, images: Mapping[str, ImageFile]) -> Pair:
    further = record.instances
    return Pair(
        id=record.id,
        source=images[record.source].ref,
        target=images[record.target].ref,
        source_points=np.array(record.source_points, dtype=np.float64).reshape(-1, 2),
        target_points=np.array(record.target_points, dtype=np.float64).reshape(-1, 2),
        size=np.array(record.size, dtype=np.float64) if isinstance(record.size, tuple) else float(record.size),
        category=record.category,
        attributes=record.attributes,
        instances=Instances(
            np.array([keypoint for keypoint, *_ in further], dtype=np.int64),
            np.array([(x, y) for _, x, y, _ in further], dtype=np.float64),
            np.array([size for *_, size in further], dtype=np.float64),
        )
        if further
        else None,
    )
