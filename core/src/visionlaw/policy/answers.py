"""What a study answers: plain frozen data, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visionlaw.policy.candidates import NotScored
from visionlaw.store.studies import StudySettings, TrialRow


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
    """

    representation: str
    position: int
    reason: str
    A: Mapping[str, float]
    C: Mapping[str, float]
    predicted: Mapping[str, float]


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

    @property
    def left(self) -> int:
        """How many finetunings may still be asked for."""
        return max(0, self.settings.budget - self.asked)

    def count(self, status: str) -> int:
        """Count the trials of a status."""
        return sum(view.trial.status == status for view in self.trials)
