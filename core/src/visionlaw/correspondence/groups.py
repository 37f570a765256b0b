"""Groups of pairs by which a score is broken down: their categories, and the values of their attributes.

An attribute with up to 20 different values has a group for each. One with more that are all numbers is cut at their
quartiles into four ranges, named after the smallest and the largest number in each; one with more that are words tells
nothing of groups and is left out. A pair that lacks an attribute, or whose number is not finite, is in no group of it.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

MOST_VALUES = 20
QUARTILES = (0.25, 0.5, 0.75)

Value = str | int | float


@dataclass(frozen=True)
class Groups:
    """A division of P pairs into G groups.

    Attributes:
        names: ``G``, in their order.
        member: ``[P]`` the group that each pair is in, 0 to G - 1; -1 for none.
    """

    names: Sequence[str]
    member: NDArray[np.int64]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many pairs each group has, ``[G]``."""
        return np.bincount(self.member[self.member >= 0], minlength=len(self.names))

    def indicators(self) -> NDArray[np.float64]:
        """Return 1 where a pair is in a group, else 0: ``[G, P]``."""
        return (np.arange(len(self.names))[:, None] == self.member).astype(np.float64)

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average values of the pairs ``[P]`` over each group, ``[G]``."""
        inside = self.member >= 0
        return np.bincount(self.member[inside], values[inside], minlength=len(self.names)) / self.sizes


def by_name(names: Sequence[str | None]) -> Groups:
    """Group pairs by a name of each; those of None are in no group."""
    known = sorted({name for name in names if name is not None})
    index: dict[str | None, int] = {name: number for number, name in enumerate(known)}
    return Groups(known, np.array([index.get(name, -1) for name in names], dtype=np.int64))


def by_attribute(attributes: Sequence[Mapping[str, Value]]) -> dict[str, Groups]:
    """Group pairs by each attribute that can be grouped by, in the order in which attributes appear."""
    names = dict.fromkeys(name for given in attributes for name in given)
    found = {name: _by_value([given.get(name) for given in attributes]) for name in names}
    return {name: groups for name, groups in found.items() if groups is not None and groups.names}


def _by_value(values: Sequence[Value | None]) -> Groups | None:
    if any(isinstance(value, str) for value in values):
        groups = by_name([None if value is None else str(value) for value in values])
        return groups if len(groups.names) <= MOST_VALUES else None
    return _by_number(np.array([np.nan if value is None else _float(value) for value in values]))


def _float(value: Value) -> float:
    try:
        return float(value)
    except OverflowError:  # JSON has whole numbers of any length
        return np.inf


def _by_number(numbers: NDArray[np.float64]) -> Groups:
    finite = np.isfinite(numbers)
    edges = np.unique(numbers[finite])
    if len(edges) > MOST_VALUES:
        edges = np.unique(np.quantile(numbers[finite], QUARTILES))
    place = np.searchsorted(edges, numbers)
    names: list[str] = []
    member = np.full(len(numbers), -1, dtype=np.int64)
    for bucket in range(len(edges) + 1):
        inside = finite & (place == bucket)
        if not inside.any():
            continue
        name = _range(float(numbers[inside].min()), float(numbers[inside].max()))
        if name not in names:  # numbers that differ by less than their names can tell share a group
            names.append(name)
        member[inside] = names.index(name)
    return Groups(names, member)


def _range(low: float, high: float) -> str:
    ends = [str(int(end)) if end.is_integer() else f"{end:.6g}" for end in (low, high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
