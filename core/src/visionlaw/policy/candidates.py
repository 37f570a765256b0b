"""The candidates of a study: the representations of the space, with the A and C that are known of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray
from visionlaw.law.normalise import min_max


@dataclass(frozen=True)
class NotScored:
    """A candidate that can't be asked for yet.

    Attributes:
        representation: Canonical id.
        missing: What is not known of it: ``A``, ``C`` or both.
        remedy: How to score it, a command where there is one.
    """

    representation: str
    missing: tuple[str, ...]
    remedy: str


@dataclass(frozen=True)
class Candidates:
    """All k representations of a space, scored or not, on b benchmarks.

    Attributes:
        representations: Canonical ids.
        benchmarks: Keys of the benchmarks.
        A: ``[b, k]`` alignment as ``a_definition`` says; NaN where it is not known.
        C: ``[b, k]`` correspondence; NaN where it is not known.
        a_definition: The scorer that is A: ``maxcos``, ``loglik`` or another one, options included.
        sources: Where A comes from on each benchmark, and where C does: a table's name, or the id of a data set.
        remedies: How A and how C of a candidate are obtained on each benchmark; ``{}`` stands for its id.
    """

    representations: tuple[str, ...]
    benchmarks: tuple[str, ...]
    A: FloatArray = field(repr=False)
    C: FloatArray = field(repr=False)
    a_definition: str
    sources: tuple[tuple[str, ...], tuple[str, ...]]
    remedies: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def known(self) -> BoolArray:
        """``[k]``: whether A and C are known on every benchmark."""
        return np.asarray(np.isfinite(np.stack([self.A, self.C])).all(axis=(0, 1)), dtype=np.bool_)

    @property
    def scored(self) -> tuple[str, ...]:
        """The candidates whose A and C are known, in order: those that a sampler sees."""
        return tuple(np.array(self.representations, dtype=object)[self.known])

    @property
    def not_scored(self) -> tuple[NotScored, ...]:
        """The others, with what they lack."""
        return tuple(self._lacking(int(i)) for i in np.flatnonzero(~self.known))

    @property
    def c_from(self) -> dict[str, str]:
        """Where C comes from, by benchmark."""
        return dict(zip(self.benchmarks, self.sources[1], strict=True))

    def points(self) -> FloatArray:
        """Return ``[b, scored, 2]``: A and C of the scored candidates, min-max normalised over them.

        A score that is the same for all of them becomes 0: it tells none apart.
        """
        known = self.known
        return np.stack([min_max(self.A[:, known]), min_max(self.C[:, known])], axis=-1)

    def _lacking(self, index: int) -> NotScored:
        representation = self.representations[index]
        lacking = [
            (name, remedy)
            for name, values, remedies in zip("AC", (self.A, self.C), self.remedies, strict=True)
            for value, remedy in zip(values[:, index], remedies, strict=True)
            if not np.isfinite(value)
        ]
        missing = dict.fromkeys(name for name, _ in lacking)
        remedies = dict.fromkeys(remedy.format(representation) for _, remedy in lacking)
        return NotScored(representation, tuple(missing), "; ".join(remedies))


def index_of(names: Iterable[str]) -> dict[str, int]:
    """Return the position of each name."""
    return {name: i for i, name in enumerate(names)}
