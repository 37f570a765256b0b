"""When a study may stop: when hardly anything untrained can beat the best that is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.state import StudyState


@dataclass(frozen=True)
class StopRule:
    """Stop when the chance that an untrained candidate beats the best trained one by more than a margin is small.

    Attributes:
        margin: In % of the best result told.
        chance: Below which the rule holds.
    """

    margin: float = 0.5
    chance: float = 0.05


@dataclass(frozen=True)
class Stopping:
    """What the stop rule says at one moment.

    Attributes:
        rule: The rule.
        chances: By benchmark, the chance that an untrained candidate beats the best trained one by more than the
            margin; None where it is not known.
        unknown: Why none is known, in words; empty where some are.
    """

    rule: StopRule
    chances: Mapping[str, float | None]
    unknown: str = ""

    @property
    def holds(self) -> bool:
        """Whether the chance is below the rule's on every benchmark."""
        return all(chance is not None and chance < self.rule.chance for chance in self.chances.values())

    @property
    def highest(self) -> tuple[str, float] | None:
        """The benchmark with the highest chance, and the chance; None where one is not known."""
        known = {benchmark: chance for benchmark, chance in self.chances.items() if chance is not None}
        return max(known.items(), key=lambda item: item[1]) if known and len(known) == len(self.chances) else None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        rule = {"margin": self.rule.margin, "chance": self.rule.chance}
        return {**rule, "holds": self.holds, "chances": dict(self.chances)}


def stopping(sampler: CheckedSampler, state: StudyState, benchmarks: Sequence[str], rule: StopRule) -> Stopping:
    """Consult a sampler about one trial.

    Args:
        sampler: Whose beliefs count.
        state: One trial; higher is better.
        benchmarks: Their keys.
        rule: The rule.

    Raises:
        PluginError: The sampler failed.
    """
    untold = ~np.isfinite(state.results[0]).any(axis=-1)
    chances = np.full(len(untold), np.nan)
    if not untold.all():  # else there is nothing to beat, and the question would only take time
        chances = np.where(untold, np.nan, sampler.chance_of_better(state, rule.margin / 100)[0])
    known = (float(chance) if math.isfinite(chance) else None for chance in chances)
    unknown = ""
    if not np.isfinite(chances).any():
        unknown = "no result has been told" if untold.all() else f"the sampler '{sampler.name}' has no beliefs"
    return Stopping(rule, dict(zip(benchmarks, known, strict=True)), unknown)
