"""How a sampler sees a study: its history, its candidates and what it builds on, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.candidates import Candidates, index_of
from visionlaw.policy.costs import Costs
from visionlaw.policy.past import Prior
from visionlaw.policy.state import Past, Status, StudyState
from visionlaw.store.studies import History, StudySettings

STATUS = {"pending": Status.PENDING, "done": Status.DONE, "failed": Status.FAILED}


@dataclass(frozen=True)
class Perspective:
    """What of a study does not change while it is open.

    Attributes:
        settings: What the study asks.
        candidates: The space as it is today; a sampler sees the scored ones.
        prior: What it builds on.
        costs: What finetunings cost, where the sampler shall weigh it; None: all the same.
        weights: How much a benchmark counts, by key; 1 where it is not named.
    """

    settings: StudySettings
    candidates: Candidates
    prior: Prior
    costs: Costs | None
    weights: Mapping[str, float]

    @cached_property
    def signs(self) -> FloatArray:
        """``[b]``: -1 for benchmarks on which lower is better, else 1."""
        return np.array([-1.0 if b in self.settings.lower_is_better else 1.0 for b in self.settings.benchmarks])

    def state(self, history: History) -> StudyState:
        """Return a history as the one trial that a sampler sees."""
        names, lines = self.candidates.scored, index_of(self.settings.benchmarks)
        status = np.full((1, len(names)), int(Status.OPEN), dtype=np.int64)
        results = np.full((1, len(lines), len(names)), np.nan)
        for i, name in enumerate(names):
            if name in history.trials:
                status[0, i] = STATUS[history.trials[name].status]
            for benchmark, row in history.results.get(name, {}).items():
                results[0, lines[benchmark], i] = row.value * self.signs[lines[benchmark]]
        # What came from outside was not asked for, so it must not look like spent budget.
        outside = sum(trial.position is None for trial in history.trials.values())
        return StudyState(
            self._points,
            status,
            results,
            self.settings.budget + outside,
            past=self._past,
            costs=self._hours,
            weights=self._weights,
        )

    @cached_property
    def _points(self) -> FloatArray:
        return self.candidates.points()

    @cached_property
    def _past(self) -> Past | None:
        return self.prior.past(self.candidates)

    @cached_property
    def _hours(self) -> FloatArray | None:
        if self.costs is None:
            return None
        return np.array([self.costs.hours_of(name)[0] for name in self.candidates.scored])

    @cached_property
    def _weights(self) -> FloatArray | None:
        if not self.weights:
            return None
        return np.array([self.weights.get(benchmark, 1.0) for benchmark in self.settings.benchmarks])
