"""Evidence for a model: each setting predicted by a fit to the others, on all benchmarks at once.

That is the situation of a new encoder. When a setting is left out, none of its results is seen, on no benchmark, by
nothing that the fit decides: scales, hyper-parameters, priors between benchmarks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError
from visionlaw.law.figures import average_by_kind
from visionlaw.law.models import Model
from visionlaw.law.predictive import LEVELS, Predictive, joined, quantile
from visionlaw.law.tables import LawTable

FEWEST = 4
"""Settings below which leaving one out leaves too few."""
GROUPS = 20
"""Most fits for the evidence of one model."""


@dataclass(frozen=True)
class Evidence:
    """What a model said of the settings it had not seen.

    Attributes:
        name: The model.
        table: The finished table.
        left_out: ``[b, k]`` predictions, each by a fit without the setting.
    """

    name: str
    table: LawTable
    left_out: Predictive

    @cached_property
    def r2(self) -> Mapping[str, float]:
        """Leave-one-setting-out R² by benchmark: against the mean of all settings, as in ``Law.loo_r2``."""
        y = self.table.performance
        missed = ((y - self.left_out.mean) ** 2).sum(axis=-1)
        total = ((y - y.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        return dict(zip(self.table.benchmarks, (1 - missed / total).tolist(), strict=True))

    @cached_property
    def r2_by_kind(self) -> Mapping[str, float]:
        """The same, averaged over each kind of benchmark."""
        return average_by_kind(self.table, self.r2)

    @cached_property
    def log_score(self) -> float:
        """Mean log density of the results, performance counted in standard deviations of the benchmark: what models
        are chosen by. It rewards the right error as well as the right expectation; higher is better."""
        y = self.table.performance
        return float((self.left_out.log_density(y) + np.log(y.std(axis=-1, keepdims=True))).mean())

    def coverage(self, widenings: Mapping[float, FloatArray] | None = None) -> Mapping[float, tuple[int, int]]:
        """Return by level how many left-out results lie in their interval, and of how many.

        Args:
            widenings: By level, ``[k]``: what the half widths of a setting's intervals are multiplied by.
        """
        y = self.table.performance
        held = {level: self.left_out.covers(y, level, widenings[level] if widenings else 1.0) for level in LEVELS}
        return {level: (int(inside.sum()), inside.size) for level, inside in held.items()}

    def widening(self, level: float) -> float:
        """Return what half widths are multiplied by for intervals that hold that share of the left-out results.

        Split conformal prediction over all benchmarks: of n left-out errors, in units of the model's own half width,
        the ⌈(n + 1)·level⌉-th smallest; the largest where that is more than n.
        """
        half = quantile(level, self.left_out.freedom) * self.left_out.scale
        missed = np.sort((np.abs(self.table.performance - self.left_out.mean) / half).ravel())
        rank = math.ceil((len(missed) + 1) * level)
        return float(missed[min(rank, len(missed)) - 1])


def leave_one_setting_out(model: Model, table: LawTable) -> Evidence:
    """Predict each setting of a finished table by a fit to the others.

    More than 20 settings are left out in 20 groups, which is no kinder to the model and a matter of seconds.

    Raises:
        DataError: Fewer than 4 settings, or settings that do not determine the model with one of them left out.
    """
    k = len(table.settings)
    if k < FEWEST:
        raise DataError(
            f"{k} settings are too few to leave one out and fit the others.",
            f"Give at least {FEWEST} finished settings.",
        )
    groups = [list(range(j, k, GROUPS)) for j in range(min(k, GROUPS))]
    together = joined(predict_left_out(model, table, *group) for group in groups)
    return Evidence(model.name, table, together.taken(np.argsort([j for group in groups for j in group])))


def predict_left_out(model: Model, table: LawTable, *settings: int) -> Predictive:
    """Predict settings ``[b, m]``, given by number, by a fit to the others."""
    fitted = model.fit(without(table, *settings))
    return fitted.predict(table.A[:, settings], table.C[:, settings])


def without(table: LawTable, *settings: int) -> LawTable:
    """Return a table without some settings, by number."""
    return only(table, [j for j in range(len(table.settings)) if j not in settings])


def only(table: LawTable, settings: Sequence[int]) -> LawTable:
    """Return a table of some settings, by number."""
    chosen = list(settings)
    return replace(
        table,
        settings=tuple(table.settings[j] for j in chosen),
        A=table.A[:, chosen],
        C=table.C[:, chosen],
        performance=table.performance[:, chosen],
    )
