"""Standard units: what a model is fitted in, taken from the settings that it is fitted to and from no other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.law.tables import LawTable


@dataclass(frozen=True)
class Scale:
    """A shift and a unit for each of b benchmarks, ``[b, 1]`` each."""

    centre: FloatArray
    unit: FloatArray

    @classmethod
    def of_range(cls, values: FloatArray) -> Scale:
        """Put the range of ``[b, k]`` on −1…1, so that squares and the linear term tell apart; a constant becomes 0."""
        low, high = values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)
        return cls((low + high) / 2, _nonzero((high - low) / 2))

    @classmethod
    def of_spread(cls, values: FloatArray) -> Scale:
        """Give ``[b, k]`` mean 0 and standard deviation 1; a constant becomes 0."""
        return cls(values.mean(axis=-1, keepdims=True), _nonzero(values.std(axis=-1, keepdims=True)))

    def onto(self, values: FloatArray) -> FloatArray:
        """Scale ``[b, m]``."""
        return (values - self.centre) / self.unit

    def back(self, values: FloatArray) -> FloatArray:
        """Undo :meth:`onto`."""
        return self.centre + self.unit * values


@dataclass(frozen=True)
class Scales:
    """The scales of A, C and performance of the settings that a model is fitted to."""

    A: Scale
    C: Scale
    performance: Scale

    @classmethod
    def of(cls, table: LawTable) -> Scales:
        """Take them from the settings of a table."""
        return cls(Scale.of_range(table.A), Scale.of_range(table.C), Scale.of_spread(table.performance))

    def points(self, A: FloatArray, C: FloatArray) -> FloatArray:
        """Return ``[b, m, 2]``: A and C ``[b, m]`` on the scale on which the fitted settings fill −1…1."""
        return np.stack([self.A.onto(A), self.C.onto(C)], axis=-1)


def _nonzero(unit: FloatArray) -> FloatArray:
    return np.where(unit > 0, unit, 1.0)
