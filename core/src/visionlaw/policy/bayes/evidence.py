"""Which hypotheses the sampler ``bayes`` starts from, and how much it trusts each: by the past benchmarks alone.

Every past benchmark is left out in turn and foretold from the others. A hypothesis scores the mean log-likelihood of
the left-out benchmark's results, per setting, plus the logarithm of the chance that it gave to the setting that turned
out best: the first asks whether errors have the size that it says, the second whether it knows where the best is. The
sum over the left-out benchmarks is its log-weight. Nothing of the study's own benchmarks enters.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.bayes.hypotheses import Family, Kinship, Scenarios, cold, scenarios, warm
from visionlaw.policy.bayes.posterior import draw, evidence, told
from visionlaw.policy.state import StudyState

KINSHIPS = tuple(
    Kinship(*values) for values in itertools.product((0.03, 0.06, 0.12, 0.24), (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.5))
)
FEWEST_PAST = 3
"""Past benchmarks with which leaving one out says anything; with fewer, all kinships count the same."""
FEWEST_SETTINGS = 6
"""With fewer settings than the law has coefficients, the past says nothing of candidates that it has not met."""
DRAWS = 512
LEAST_CHANCE = 0.005
"""What a hypothesis is taken to give to any setting, so that one surprise does not rule it out."""
KEPT, LEAST_WEIGHT = 8, 0.02
"""At most so many families are kept, of those with at least this share of the weight of the best."""


def has_past(state: StudyState) -> bool:
    """Return whether the past says anything of a state's candidates; else it is left aside."""
    past = state.past
    return past is not None and (past.points.shape[1] >= FEWEST_SETTINGS or bool((past.identity >= 0).any()))


def families(state: StudyState) -> tuple[Family, ...]:
    """Return the hypotheses for a state's trials: cold ones, or those that its past results support."""
    past = state.past
    if past is None or not has_past(state):
        return cold(state)
    k = state.candidates
    candidates = np.broadcast_to(past.candidates, (state.trials, *past.candidates.shape[-3:]))
    identity = np.broadcast_to(past.identity, (state.trials, k))
    known, weighed = _weigh(past.points.tobytes(), past.results.tobytes(), past.points.shape[:2])
    return tuple(warm(kin, known, candidates, identity, weight) for kin, weight in weighed)


@lru_cache(maxsize=64)
def _weigh(
    points: bytes, results: bytes, shape: tuple[int, int]
) -> tuple[Scenarios, tuple[tuple[Kinship, float], ...]]:
    """Return the scenarios and the weighed kinships; simulations ask for the same thousands of times."""
    at, values = np.frombuffer(points).reshape(*shape, 2), np.frombuffer(results).reshape(shape)
    logs = nested_scores(at, values)
    order = np.argsort(-logs, kind="stable")[:KEPT]
    kept = [int(i) for i in order if logs[i] >= logs.max() + np.log(LEAST_WEIGHT)]
    return scenarios(at, values), tuple((KINSHIPS[i], float(logs[i] - logs.max())) for i in kept)


def nested_scores(points: FloatArray, results: FloatArray) -> FloatArray:
    """Return the log-weight of each of ``KINSHIPS`` by leaving out each past benchmark in turn.

    Args:
        points: ``[p, s, 2]``: A and C of s settings on p benchmarks, min-max normalised.
        results: ``[p, s]``: performance, higher is better, NaN where not known.
    """
    p, s = results.shape
    if p < FEWEST_PAST:
        return np.zeros(len(KINSHIPS))
    others = [scenarios(np.delete(points, i, axis=0), np.delete(results, i, axis=0)) for i in range(p)]
    everything, nothing = told(results[:, None]), told(np.full((p, 1, s), np.nan))
    best, count = np.nanargmax(results, axis=-1), np.isfinite(results).sum(axis=-1)
    identity: IntArray = np.arange(s, dtype=np.int64)[None]
    scores: list[float] = []
    for kin in KINSHIPS:
        each = [warm(kin, known, points[i][None, None], identity, 0.0) for i, known in enumerate(others)]
        family = _stacked(each)
        likelihood = evidence(family, everything) / count
        first = draw(family, nothing, 0.0, DRAWS, np.random.default_rng(0)).values[:, 0].argmax(axis=-1)  # [p, N]
        chance = (first == best[:, None]).mean(axis=-1)
        scores.append(float((likelihood + np.log(chance + LEAST_CHANCE)).sum()))
    return np.array(scores)


def _stacked(each: Sequence[Family]) -> Family:
    """Join families of one trial each; of their slopes' covariances, which hardly differ, the mean is taken."""
    return Family(
        features=np.concatenate([family.features for family in each]),
        centres=np.concatenate([family.centres for family in each]),
        shared_slopes=np.mean([family.shared_slopes for family in each], axis=0),
        own_slopes=np.mean([family.own_slopes for family in each], axis=0),
        shared_noise=np.concatenate([family.shared_noise for family in each]),
        own_noise=np.concatenate([family.own_noise for family in each]),
        log_weight=0.0,
        span=each[0].span,
    )
