"""The pairs of a data set, checked, with their keypoints laid end to end. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from visionlaw.correspondence.groups import Groups, by_attribute, by_name
from visionlaw.errors import DataError
from visionlaw.guard import third_party
from visionlaw.protocols import Instances, Pair

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class PairTable:
    """P pairs with K keypoints in all; arrays over keypoints follow the order of the pairs.

    Attributes:
        pairs: All with at least one keypoint.
        skipped: How many pairs without keypoints were left out.
    """

    pairs: Sequence[Pair]
    skipped: int = 0
    starts: Indices = field(init=False)
    """``[P + 1]``: pair p has the keypoints ``starts[p]`` to ``starts[p + 1] - 1``."""

    def __post_init__(self) -> None:
        counts = [len(pair.source_points) for pair in self.pairs]
        object.__setattr__(self, "starts", np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.pairs)

    @property
    def keypoints(self) -> int:
        """How many keypoints there are in all."""
        return int(self.starts[-1])

    @cached_property
    def owner(self) -> Indices:
        """``[K]``: the pair that each keypoint belongs to."""
        return np.repeat(np.arange(len(self.pairs)), np.diff(self.starts))

    @cached_property
    def categories(self) -> NDArray[np.str_]:
        """``[P]``: the pairs' categories."""
        return np.array([pair.category for pair in self.pairs], dtype=np.str_)

    @cached_property
    def by_category(self) -> Groups:
        """The pairs grouped by their categories."""
        return by_name([pair.category for pair in self.pairs])

    @cached_property
    def by_attribute(self) -> dict[str, Groups]:
        """The pairs grouped by the values of their attributes, as :mod:`visionlaw.correspondence.groups` says."""
        return by_attribute([pair.attributes for pair in self.pairs])

    @cached_property
    def truth(self) -> Instances:
        """All true positions of all keypoints, ``keypoint`` counting 0 to K - 1: n ≥ K, the first K one of each."""
        sizes = [
            np.broadcast_to(np.asarray(pair.size, dtype=np.float64), len(pair.target_points)) for pair in self.pairs
        ]
        more = [(start, pair.instances) for start, pair in zip(self.starts, self.pairs, strict=False) if pair.instances]
        return Instances(
            np.concatenate(
                [np.arange(self.keypoints), *(start + found.keypoint.astype(np.int64) for start, found in more)]
            ),
            np.concatenate([*(pair.target_points for pair in self.pairs), *(found.points for _, found in more)]),
            np.concatenate([*sizes, *(found.size for _, found in more)]),
        )

    @cached_property
    def sources_digest(self) -> str:
        """SHA-256 of the pairs' images and source keypoints, in hexadecimal: all of a data set that rows depend on."""
        digest = hashlib.sha256()
        for pair in self.pairs:
            digest.update(
                f"{pair.source.key}\0{pair.target.key}\0{len(pair.source_points)}\0".encode(errors="surrogatepass")
            )
            digest.update(np.ascontiguousarray(pair.source_points, dtype=np.float64).tobytes())
        return digest.hexdigest()

    def rows_of(self, pair: int) -> slice:
        """Return where the keypoints of a pair are."""
        return slice(int(self.starts[pair]), int(self.starts[pair + 1]))


@dataclass(frozen=True)
class Matches:
    """Where a representation found the keypoints of a data set.

    Attributes:
        table: The pairs.
        found: ``[K, 2]`` pixel positions (x, y) in the targets.
        errors: ``[K]`` distances to the nearest true position as shares of the size that α multiplies: the α from which
            on each keypoint is right.
    """

    table: PairTable
    found: Floats
    errors: Floats

    def correct(self, alpha: float) -> NDArray[np.bool_]:
        """Whether each keypoint is right, ``[K]``: strictly closer than ``alpha`` times its size."""
        return self.errors < alpha

    def shares(self, alpha: float) -> Floats:
        """The share of each pair's keypoints that are right, ``[P]``, 0 to 1."""
        starts = self.table.starts
        return np.add.reduceat(self.correct(alpha), starts[:-1], dtype=np.float64) / np.diff(starts)


def check_pair(pair: Pair) -> Pair:
    """Return the pair if it can be scored.

    Raises:
        DataError: Its points do not belong together, are not finite, or its sizes are not positive numbers.
    """
    source, target = np.shape(pair.source_points), np.shape(pair.target_points)
    if source != target or len(source) != 2 or source[1] != 2:
        raise DataError(f"Pair '{pair.id}' has points of shapes {source} and {target}, not twice [m, 2].")
    if not (np.isfinite(pair.source_points).all() and np.isfinite(pair.target_points).all()):
        raise DataError(f"Pair '{pair.id}' has a point that is not finite.", "Leave points out that are not visible.")
    _check_size(pair, np.asarray(pair.size, dtype=np.float64), source[0])
    if pair.instances is not None:
        _check_instances(pair, pair.instances, source[0])
    return pair


def _check_size(pair: Pair, size: Floats, count: int) -> None:
    if size.ndim and size.shape != (count,):
        raise DataError(
            f"Pair '{pair.id}' has {count} keypoints, but sizes of shape {size.shape}.", "Mend the data set."
        )
    bad = size[~(np.isfinite(size) & (size > 0))]
    if bad.size:
        raise DataError(f"Pair '{pair.id}' has the size {bad[0]}, which α cannot multiply.", "Mend the data set.")


def _check_instances(pair: Pair, found: Instances, count: int) -> None:
    n = len(found.keypoint)
    if np.shape(found.points) != (n, 2) or np.shape(found.size) != (n,):
        raise DataError(f"Pair '{pair.id}' has further positions whose arrays differ in length.", "Mend the data set.")
    kind = np.asarray(found.keypoint).dtype
    if kind.kind not in "iu":
        raise DataError(
            f"Pair '{pair.id}' counts the keypoints of its further positions in {kind}, not in whole numbers.",
            "Mend the data set.",
        )
    if n and not (found.keypoint.min() >= 0 and found.keypoint.max() < count):
        raise DataError(
            f"Pair '{pair.id}' has a further position of a keypoint it does not have.", "Mend the data set."
        )
    if not np.isfinite(found.points).all():
        raise DataError(f"Pair '{pair.id}' has a point that is not finite.", "Leave points out that are not visible.")
    _check_size(pair, found.size, n)


def read_pairs(dataset: Iterable[object]) -> PairTable:
    """Return the pairs of a data set that have keypoints, checked.

    Raises:
        DataError: One is malformed, or no :class:`visionlaw.protocols.Pair`; or none has keypoints.
        PluginError: The data set fails.
    """
    pairs: list[Pair] = []
    with third_party("Reading the image pairs"):
        for given in dataset:
            if not isinstance(given, Pair):
                raise DataError(f"The data set gave {type(given).__name__} where a Pair is expected.", "Mend it.")
            pairs.append(check_pair(given))
    kept = [pair for pair in pairs if len(pair.source_points)]
    if not kept:
        raise DataError(
            "The data set has no pair with keypoints.", "See what is wrong with it: visionlaw dataset check NAME FOLDER"
        )
    return PairTable(kept, len(pairs) - len(kept))
