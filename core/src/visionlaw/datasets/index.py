"""What a reader found, checked, and kept between runs. Imports no torch, no numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from visionlaw.datasets import cachefolder
from visionlaw.datasets.checks import check_records
from visionlaw.datasets.fingerprint import fingerprint
from visionlaw.datasets.records import PairRecord, Reader
from visionlaw.errors import DataError
from visionlaw.protocols import Finding

LAYOUT = 1  # Counts up whenever the checks, or what is kept, change.


@dataclass(frozen=True)
class Index:
    """The annotations of a data set.

    Attributes:
        records: Those that can be used, as far as annotations tell, in the reader's order.
        findings: What is wrong with the annotations.
    """

    records: tuple[PairRecord, ...]
    findings: tuple[Finding, ...]


def read_index(root: Path, reader: Reader, name: str, format: int, annotations: Sequence[str]) -> Index:  # noqa: A002
    """Return the index of a data set: the one kept, if the annotations are still the same, or else a new one.

    Args:
        root: The data set's folder, resolved.
        reader: Reads the annotations.
        name: Identity of the reader and its options.
        format: Counts up whenever the reader's output changes.
        annotations: Files or folders below ``root`` that the reader reads.

    Raises:
        DataError: The annotations cannot be read at all.
    """
    key = cachefolder.key_of("pairs", name, format, str(root))
    valid = f"{LAYOUT} {fingerprint(root, annotations)}"
    kept = _decode(cachefolder.load(key, valid))
    if kept is not None:
        return kept
    try:
        index = Index(*check_records(reader(root)))
    except OSError as error:
        what = f"The annotations in '{error.filename or root}' cannot be read: {error.strerror or error}."
        raise DataError(what, "Check the folder and its permissions.") from error
    cachefolder.save(key, valid, _encode(index))
    return index


def encode_record(record: PairRecord) -> list[Any]:
    """Return a record as JSON values, few of them lists: those are what reading JSON spends its time on."""
    return [
        record.id,
        record.source,
        record.target,
        [*chain.from_iterable(record.source_points)],
        [*chain.from_iterable(record.target_points)],
        record.size,
        record.category,
        dict(sorted(record.attributes.items())),
        record.source_size,
        record.target_size,
        record.instances,
    ]


def _encode(index: Index) -> dict[str, Any]:
    return {
        "records": [encode_record(record) for record in index.records],
        "findings": [list(asdict(finding).values()) for finding in index.findings],
    }


def _decode(content: Any) -> Index | None:
    if content is None:
        return None
    try:
        records = tuple(_decode_record(*values) for values in content["records"])
        return Index(records, tuple(Finding(*map(str, values)) for values in content["findings"]))
    except (KeyError, TypeError, ValueError):
        return None


def _decode_record(
    id: str,  # noqa: A002
    source: str,
    target: str,
    source_points: list[float],
    target_points: list[float],
    size: Any,
    category: str,
    attributes: dict[str, Any],
    source_size: list[int] | None,
    target_size: list[int] | None,
    instances: list[Any],
) -> PairRecord:
    return PairRecord(
        id,
        source,
        target,
        tuple(zip(source_points[::2], source_points[1::2], strict=True)),
        tuple(zip(target_points[::2], target_points[1::2], strict=True)),
        tuple(size) if isinstance(size, list) else size,  # pyright: ignore[reportUnknownArgumentType]
        category,
        attributes,
        None if source_size is None else (source_size[0], source_size[1]),
        None if target_size is None else (target_size[0], target_size[1]),
        tuple(map(tuple, instances)),
    )
