"""What a study answers: plain frozen data, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from visionlaw.policy.candidates import NotScored
from visionlaw.policy.costs import Basis, Cost
from visionlaw.policy.past import PriorSource
from visionlaw.store.studies import StudySettings, TrialRow


@dataclass(frozen=True)
class Prospect:
    """What a finetuning promises on one benchmark, before it is run.

    Attributes:
        predicted: Expected performance in the benchmark's own unit; None where nothing is predicted.
        standard_error: Of the result around it; None where the sampler does not know.
        interval: Holds the result with a chance of 80%; None where the sampler does not know.
        best: Chance that it is the best of all candidates; None where the sampler does not know.
        sure: The chance that the candidate which now looks best is the best; None where the sampler does not know.
        sure_after: The same after the run, in expectation over its result.
    """

    predicted: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    best: float | None
    sure: float | None
    sure_after: float | None


@dataclass(frozen=True)
class Explanation:
    """What a finetuning promises, and what it costs.

    Attributes:
        prospects: By benchmark.
        cost: Of this one finetuning; None where no rates are known.
        cost_basis: ``given`` in registry.toml, ``estimated`` from the number of visual tokens, or ``default``.
    """

    prospects: Mapping[str, Prospect]
    cost: Cost | None
    cost_basis: Basis | None


@dataclass(frozen=True)
class Suggestion:
    """A representation to finetune next.

    Attributes:
        representation: Canonical id.
        position: Which request of the study it is, from 0 on.
        reason: Why, in words.
        A: Alignment by benchmark, as it was scored.
        C: Correspondence by benchmark, as it was scored.
        predicted: Expected performance by benchmark, in its own unit; empty where nothing is predicted yet.
        explanation: What it promises and costs, where that was asked for.
    """

    representation: str
    position: int
    reason: str
    A: Mapping[str, float]
    C: Mapping[str, float]
    predicted: Mapping[str, float]
    explanation: Explanation | None = None


@dataclass(frozen=True)
class ToldValue:
    """A value that was told, and the one that it replaces (None when it is the first)."""

    value: float
    previous: float | None

    @property
    def replaced(self) -> bool:
        """Whether another value stood there before."""
        return self.previous is not None and self.previous != self.value


@dataclass(frozen=True)
class Told:
    """What telling results did.

    Attributes:
        representation: Canonical id.
        values: By benchmark.
        from_outside: Whether the study had never asked for it.
        missing: Benchmarks of the study on which it has no result yet.
        enters_law: Whether its A and C are known, so that the law can use what was told.
    """

    representation: str
    values: Mapping[str, ToldValue]
    from_outside: bool
    missing: tuple[str, ...]
    enters_law: bool = True


@dataclass(frozen=True)
class TrialView:
    """A trial with its results.

    Attributes:
        trial: As stored.
        results: Performance by benchmark.
        missing: Benchmarks without a result.
        in_space: Whether the representation is still in the search space.
    """

    trial: TrialRow
    results: Mapping[str, float]
    missing: tuple[str, ...]
    in_space: bool


@dataclass(frozen=True)
class Spending:
    """What a study has cost, and what it has spared.

    Attributes:
        spent: On what the study asked for: done, failed or pending, each in full.
        outside: On results that were told from outside.
        spared: What finetuning all other candidates of the space would cost, scored or not.
    """

    spent: Cost
    outside: Cost
    spared: Cost

    @property
    def share(self) -> float:
        """The share of the GPU hours of training every candidate that has been spared."""
        total = self.spent.gpu_hours + self.outside.gpu_hours + self.spared.gpu_hours
        return self.spared.gpu_hours / total if total else 0.0


@dataclass(frozen=True)
class StudyStatus:
    """Where a study stands.

    Attributes:
        settings: What it asks.
        begun: Whether anything has been asked or told.
        asked: How many finetunings it has asked for; results from outside do not count.
        trials: Those asked for in their order, then those from outside.
        open: Scored candidates that may still be asked for.
        not_scored: Candidates that can't be asked for since their A or C is not known.
        best: By benchmark, the best observed: (representation, performance).
        a_from: Where A comes from: ``store``, or a table's name.
        c_from: By benchmark, where its C comes from: the id of a data set, or a table's name.
        prior: What it builds on.
        weights: How much a benchmark counts; 1 where it is not named.
        cost_aware: Whether the sampler sees what finetunings cost.
    """

    settings: StudySettings
    begun: bool
    asked: int
    trials: tuple[TrialView, ...]
    open: tuple[str, ...]
    not_scored: tuple[NotScored, ...]
    best: Mapping[str, tuple[str, float]]
    a_from: str
    c_from: Mapping[str, str]
    prior: tuple[PriorSource, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    cost_aware: bool = False

    @property
    def left(self) -> int:
        """How many finetunings may still be asked for."""
        return max(0, self.settings.budget - self.asked)

    def count(self, status: str) -> int:
        """Count the trials of a status."""
        return sum(view.trial.status == status for view in self.trials)
