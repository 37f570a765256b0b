"""What is in a data set, and everything that is wrong with it: the work of ``visionlaw dataset check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from visionlaw.correspondence.pairs import check_pair
from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.checks import Extent, outside
from visionlaw.datasets.images import name_pairs
from visionlaw.errors import DataError
from visionlaw.guard import describe_error, third_party
from visionlaw.protocols import CheckedDataset, CorrespondenceDataset, Finding, ImageRef, Pair

_THREADS = 4


@dataclass(frozen=True)
class Survey:
    """What is in a data set.

    Attributes:
        version: The data set's own.
        pairs: How many pairs can be used, their images being whole.
        images: How many different images they show.
        keypoints: How many keypoints they have.
        further: How many further true positions.
        without_keypoints: How many of the pairs have no keypoint, and are not scored.
        categories: How many pairs of each category.
        findings: What is wrong.
    """

    version: str
    pairs: int
    images: int
    keypoints: int
    further: int
    without_keypoints: int
    categories: Mapping[str, int]
    findings: tuple[Finding, ...]


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


def survey(
    dataset: CorrespondenceDataset, distribution: str = "", progress: Callable[[int, int], None] = _silent
) -> Survey:
    """Read all pairs of a data set, and decode each of its images, as a score does.

    Args:
        dataset: Any; of one that reads files, its own findings are part of it.
        distribution: Who provides it, for the messages.
        progress: Called as ``progress(done, total)`` with numbers of images.

    Raises:
        DataError: It cannot be read at all.
        PluginError: Its code fails.
    """
    with third_party("Reading the data set", distribution):
        findings = list(dataset.findings) if isinstance(dataset, CheckedDataset) else []
        pairs = list(_usable(dataset, findings))
        refs = {ref.key: ref for pair in pairs for ref in (pair.source, pair.target)}
        sizes = _sizes(dataset, refs, pairs, findings, progress)
        if isinstance(dataset, AnnotatedPairs):
            findings += _wrong_sizes(dataset, sizes)
        told = {finding.where for finding in findings if finding.kind == "outside"}
        findings += _outside((pair for pair in pairs if pair.id not in told), sizes)
        version = str(dataset.version)
    pairs = [pair for pair in pairs if pair.source.key in sizes and pair.target.key in sizes]
    counts = [len(pair.source_points) for pair in pairs]
    if not any(counts):
        findings.append(Finding("inconsistent", "data set", "There is no pair with keypoints."))
    return Survey(
        version=version,
        pairs=len(pairs),
        images=len({ref.key for pair in pairs for ref in (pair.source, pair.target)}),
        keypoints=sum(counts),
        further=sum(len(pair.instances.keypoint) for pair in pairs if pair.instances is not None),
        without_keypoints=counts.count(0),
        categories=dict(sorted(Counter(pair.category for pair in pairs).items())),
        findings=tuple(dict.fromkeys(findings)),
    )


def _usable(dataset: Iterable[object], findings: list[Finding]) -> Iterator[Pair]:
    """Yield the pairs that can be scored; of the others a finding is added."""
    ids: set[str] = set()
    for number, pair in enumerate(dataset):
        if not isinstance(pair, Pair):
            what = f"The data set gave {type(pair).__name__} where a Pair is expected."
            findings.append(Finding("inconsistent", f"pair {number}", what))
            continue
        try:
            check_pair(pair)
        except DataError as error:
            findings.append(Finding("inconsistent", pair.id, error.message))
            continue
        if pair.id in ids:
            findings.append(Finding("inconsistent", pair.id, "Another pair has the same id."))
            continue
        ids.add(pair.id)
        yield pair


def _sizes(
    dataset: object,
    refs: Mapping[str, ImageRef],
    pairs: Iterable[Pair],
    findings: list[Finding],
    progress: Callable[[int, int], None],
) -> dict[str, Extent]:
    """Return the size of each image that can be loaded, by key; of the others a finding is added."""
    names: Mapping[str, str] = dataset.names_by_key if isinstance(dataset, AnnotatedPairs) else {}
    sizes: dict[str, Extent] = {}
    broken: list[Finding] = []
    with ThreadPoolExecutor(_THREADS, "visionlaw-survey") as pool:
        try:
            looked = pool.map(partial(_size, dataset, names), refs.values())
            for done, (ref, found) in enumerate(zip(refs.values(), looked, strict=True), 1):
                if isinstance(found, str):
                    broken.append(Finding("unreadable", names.get(ref.key, ref.key), found))
                else:
                    sizes[ref.key] = found
                progress(done, len(refs))
        finally:  # who interrupts does not wait for the rest to be decoded
            pool.shutdown(cancel_futures=True)
    shown = ((pair.id, pair.source.key, pair.target.key) for pair in pairs)
    findings += name_pairs(broken, ((id, names.get(a, a), names.get(b, b)) for id, a, b in shown))  # noqa: A001
    return sizes


def _size(dataset: object, names: Mapping[str, str], ref: ImageRef) -> Extent | str:
    try:
        return ref.load().size
    except DataError as error:
        name = names.get(ref.key)
        if name is None or not isinstance(dataset, AnnotatedPairs):
            return error.message
        return error.message.replace(str(dataset.image_path(name)), name)
    except Exception as error:  # noqa: BLE001  a plugin's own code, on any file
        return f"The image cannot be loaded: {describe_error(error)}."


def _wrong_sizes(dataset: AnnotatedPairs, sizes: Mapping[str, Extent]) -> Iterator[Finding]:
    said: set[str] = set()
    for record in dataset.records:
        for name, annotated in ((record.source, record.source_size), (record.target, record.target_size)):
            real = sizes.get(dataset.image_key(name))
            if annotated is None or real is None or annotated == real or name in said:
                continue
            said.add(name)
            said_to_be = f"{annotated[0]} × {annotated[1]} by '{record.id}'"
            what = f"The image is {real[0]} × {real[1]}, but annotated as {said_to_be}."
            yield Finding("inconsistent", name, what)


def _outside(pairs: Iterable[Pair], sizes: Mapping[str, Extent]) -> Iterator[Finding]:
    for pair in pairs:
        targets = [pair.target_points, *([pair.instances.points] if pair.instances is not None else [])]
        for what, ref, points in (
            ("source", pair.source, pair.source_points),
            ("target", pair.target, np.concatenate([np.asarray(t, dtype=np.float64).reshape(-1, 2) for t in targets])),
        ):
            size = sizes.get(ref.key)
            message = None if size is None else outside([(float(x), float(y)) for x, y in points], size)
            if message:
                yield Finding("outside", pair.id, f"In the {what}, {message}")
