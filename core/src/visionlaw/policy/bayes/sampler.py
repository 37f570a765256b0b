"""The sampler ``bayes``: train what is most likely to be the best, by a law that knows how little it knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.errors import StudyError
from visionlaw.policy.bayes.evidence import families, has_past
from visionlaw.policy.bayes.posterior import draw, told
from visionlaw.policy.bayes.unique import unique_trials
from visionlaw.policy.belief import Belief
from visionlaw.policy.state import Status, StudyState
from visionlaw.specs import SamplerSpec

CELLS = 4_000_000
"""Cells (trial × benchmark × draw × candidate) that are drawn at once, to bound memory and time."""
FEWEST, MOST = 480, 4096
"""Draws in all: few for thousands of simulated studies or candidates, many for a live study of a dozen."""


class BayesSampler:
    """Finetune the candidate that is most likely to be the best of all.

    What it supposes before any result stands in :mod:`visionlaw.policy.bayes.hypotheses`, how past results weigh it in
    :mod:`visionlaw.policy.bayes.evidence`. Results decide the rest: everything unknown is drawn from its posterior,
    and the chance of being the best is the share of the draws in which a candidate is. Candidates are ranked by that
    chance, not by the expectation: an uncertain candidate may well be the best where a mediocre one cannot.

    With one finetuning left, the largest chance is the best choice there is; with more left it also explores, since
    what little is known of keeps its chance. In a joint study the chances are summed over the benchmarks, by their
    weights; costs divide them. Pending candidates keep their chance to themselves, so that a batch spreads out.

    Args:
        spec: What visionlaw lists of it.
        noise: Relative standard deviation by which finetuning a representation twice would differ. The published gaps
            that count as training noise are 0.2–1.8%; too small a value costs more than too large a one.
    """

    def __init__(self, spec: SamplerSpec | None = None, noise: float = 0.02) -> None:
        if not 0 <= noise < np.inf:
            raise StudyError(f"A training noise of {noise} is impossible.", "Give a relative deviation such as 0.02.")
        self.spec = spec
        self._noise = noise
        self._kept: tuple[tuple[bytes, ...], _Weighed] | None = None
        self._believed: tuple[tuple[bytes, ...], Belief] | None = None

    def ask(self, state: StudyState, rng: np.random.Generator) -> IntArray:
        """Choose an open candidate for each trial: ``[T]`` indices, -1 where none is open."""
        promise = _promise(self.belief(state), state)
        choice = np.where(state.open, promise, -np.inf).argmax(axis=-1)
        return np.where(state.open.any(axis=-1), choice, -1)

    def predict(self, state: StudyState) -> FloatArray:
        """Predict performance ``[T, b, k]``; NaN on benchmarks without a result, whose unit it does not know."""
        return self.belief(state).mean

    def belief(self, state: StudyState) -> Belief:
        """Return expectations, their errors and the chance of being the best.

        The last belief is kept, since whoever asks what to train has often just asked how all of it ranks.
        """
        seen = _seen(state)
        if self._believed is None or self._believed[0] != seen:
            self._believed = seen, self._belief(state)
        return self._believed[1]

    def _belief(self, state: StudyState) -> Belief:
        first, back = unique_trials(state)
        found = [_belief_of(self._draws(part), part) for part in _parts(state, first)]
        mean, error, best = (
            np.concatenate([getattr(part, name) for part in found])[back] for name in ("mean", "standard_error", "best")
        )
        return Belief(mean, error, best)

    def chance_of_better(self, state: StudyState, delta: float) -> FloatArray:
        """Return ``[T, b]``: the chance that some untrained candidate beats all trained ones by more than ``delta``.

        Args:
            state: Trials; failed candidates count as what can't be trained.
            delta: Relative to the best trained one: 0.005 is half a percent.
        """
        first, back = unique_trials(state)
        chances: list[FloatArray] = []
        for part in _parts(state, first):
            drawn = self._draws(part)
            trained = np.isfinite(part.results)[:, :, None]
            able = ~trained & (part.status != Status.FAILED)[:, None, None, :]
            bar = np.where(trained, drawn.values, -np.inf).max(axis=-1)
            top = np.where(able, drawn.values, -np.inf).max(axis=-1)
            margin = delta * np.abs(np.where(np.isfinite(bar), bar, 0.0) + drawn.level[..., None])
            chances.append(np.einsum("tn,tbn->tb", drawn.weights, (top > bar + margin).astype(np.float64)))
        return np.concatenate(chances)[back]

    def explain(self, state: StudyState, choice: int) -> str:
        """Say how likely the choice is to be the best, and how that compares."""
        belief = self.belief(state)
        promise = _promise(belief, state)[0]
        place = int((promise[state.open[0]] > promise[choice]).sum()) + 1
        per_cost = "" if state.costs is None else ", for what it costs"
        among = "the highest of the open candidates" if place == 1 else f"rank {place} of the open candidates"
        known = "past benchmarks" if has_past(state) else "A and C alone"
        return (
            f"Its chance of being the best of all is {_on_average(belief, state)[0, choice]:.0%}{_over(state)}: "
            f"{among}{per_cost}, supposing from {known}."
        )

    def _draws(self, state: StudyState) -> _Weighed:
        """Draw; the last draws of one trial are kept, since a live study asks of one state several things in turn."""
        if state.trials > 1:
            return self._drawn(state)
        seen = _seen(state)
        if self._kept is None or self._kept[0] != seen:
            self._kept = seen, self._drawn(state)
        return self._kept[1]

    def _drawn(self, state: StudyState) -> _Weighed:
        data, rng = told(state.results), np.random.default_rng(0)  # the same draws whenever the same is asked
        supposed = families(state)
        each = int(np.clip(CELLS // state.results.size, FEWEST, MOST)) // len(supposed)
        drawn = [draw(family, data, self._noise, each, rng) for family in supposed]
        logs = np.stack([part.log_weight for part in drawn], axis=-1)
        weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
        weights /= each * weights.sum(axis=-1, keepdims=True)
        values = np.concatenate([part.values for part in drawn], axis=2)
        return _Weighed(values, np.repeat(weights, each, axis=-1), data.level, data.size)


@dataclass(frozen=True)
class _Weighed:
    """Draws of all families.

    Attributes:
        values: ``[T, b, N, k]``, less ``level``, in units of ``size``.
        weights: ``[T, N]``, which sum to 1.
        level: ``[T, b]``, in units of ``size``.
        size: ``[T, b]``.
    """

    values: NDArray[np.float32]
    weights: FloatArray
    level: FloatArray
    size: FloatArray


def _seen(state: StudyState) -> tuple[bytes, ...]:
    """Return all that the draws depend on."""
    past = state.past
    known = () if past is None else (past.points, past.results, past.candidates, past.identity)
    return tuple(part.tobytes() for part in (state.results, state.points, *known))


def _belief_of(drawn: _Weighed, state: StudyState) -> Belief:
    T, b, N, k = drawn.values.shape
    weights = drawn.weights[:, None, None].astype(np.float32)
    mean: FloatArray = (weights @ drawn.values)[:, :, 0].astype(np.float64)
    variance: FloatArray = (weights @ (drawn.values - mean[:, :, None].astype(np.float32)) ** 2)[:, :, 0]
    line: IntArray = np.arange(T * b, dtype=np.int64).reshape(T, b, 1)
    winner: IntArray = line * k + drawn.values.argmax(axis=-1)
    shares = np.broadcast_to(drawn.weights[:, None], (T, b, N))
    best = np.bincount(winner.ravel(), shares.ravel(), minlength=T * b * k).reshape(T, b, k)
    # What no draw made the best still has an order, that of the expectations: it gets the last thousandth.
    order = mean.argsort(axis=-1).argsort(axis=-1) + 1.0
    best = np.clip(0.999 * best + 0.001 * order / order.sum(axis=-1, keepdims=True), 0.0, 1.0)
    unknown = ~np.isfinite(state.results).any(axis=-1, keepdims=True)
    size = drawn.size[..., None]
    error = size * np.sqrt(variance.astype(np.float64))
    expected = size * (mean + drawn.level[..., None])
    return Belief(np.where(unknown, np.nan, expected), np.where(unknown, np.nan, error), best)


def _promise(belief: Belief, state: StudyState) -> FloatArray:
    """Return ``[T, k]``: the chance of being the best, by weight and per cost: what is asked for."""
    promise = _on_average(belief, state)
    return promise if state.costs is None else promise / state.costs


def _on_average(belief: Belief, state: StudyState) -> FloatArray:
    """Return ``[T, k]``: the chance of being the best, the mean over the benchmarks by weight."""
    weights = np.ones(belief.best.shape[1]) if state.weights is None else state.weights
    return np.einsum("tbk,b->tk", belief.best, weights / weights.sum())


def _over(state: StudyState) -> str:
    count = state.results.shape[1]
    if count == 1:
        return ""
    return f", on average over {count} benchmarks" + ("" if state.weights is None else " by weight")


def _parts(state: StudyState, trials: IntArray) -> list[StudyState]:
    """Split some of the trials into states small enough to be thought about at once."""
    b, k = state.results.shape[1:]
    step = max(1, CELLS // (FEWEST * b * k))
    return [_only(state, part) for part in np.array_split(trials, -(-len(trials) // step))]


def _only(state: StudyState, trials: IntArray) -> StudyState:
    past = state.past
    if past is not None:
        past = replace(
            past,
            candidates=past.candidates[trials] if past.candidates.ndim == 4 else past.candidates,
            identity=past.identity[trials] if past.identity.ndim == 2 else past.identity,
        )
    return replace(
        state, points=state.points[trials], status=state.status[trials], results=state.results[trials], past=past
    )
