"""The answer to "what next?": a sampler's choice, with its reason and what it promises."""

from __future__ import annotations

import math

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.answers import Explanation, Suggestion
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.costs import Costs
from visionlaw.policy.perspective import Perspective
from visionlaw.policy.prospects import prospects
from visionlaw.policy.reasons import situation
from visionlaw.policy.state import StudyState
from visionlaw.store.studies import History


def suggest(
    sampler: CheckedSampler, view: Perspective, history: History, costs: Costs | None, explained: bool
) -> Suggestion:
    """Choose the next representation of a study.

    Args:
        sampler: Who chooses.
        view: The study.
        history: What has happened in it.
        costs: What finetunings cost, for the explanation.
        explained: Whether to say what the choice promises and costs.

    Raises:
        PluginError: The sampler failed.
    """
    state, settings, candidates = view.state(history), view.settings, view.candidates
    rng = np.random.default_rng([settings.seed, history.asked])
    choice = int(sampler.ask(state, rng)[0])
    name = candidates.scored[choice]
    mean = sampler.predict(state)[0]
    own = sampler.explain(state, choice)
    context = situation(state, choice, candidates.scored, settings.benchmarks, mean, view.signs)
    column = candidates.representations.index(name)
    return Suggestion(
        representation=name,
        position=history.asked,
        reason=f"{own} {context}",
        A=_by_benchmark(view, candidates.A[:, column]),
        C=_by_benchmark(view, candidates.C[:, column]),
        predicted=_by_benchmark(view, mean[:, choice] * view.signs),
        explanation=_explanation(sampler, view, state, choice, costs) if explained else None,
    )


def _explanation(
    sampler: CheckedSampler, view: Perspective, state: StudyState, choice: int, costs: Costs | None
) -> Explanation:
    name = view.candidates.scored[choice]
    return Explanation(
        prospects=prospects(sampler, state, choice, view.settings.benchmarks, view.signs),
        cost=None if costs is None else costs.of([name]),
        cost_basis=None if costs is None else costs.hours_of(name)[1],
    )


def _by_benchmark(view: Perspective, values: FloatArray) -> dict[str, float]:
    pairs = zip(view.settings.benchmarks, values, strict=True)
    return {benchmark: float(value) for benchmark, value in pairs if math.isfinite(value)}
