"""The ranking of a study's candidates: what the law expects, beside what was observed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.candidates import Candidates, NotScored, index_of
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.forecast import FEWEST_FOR_RANKING, Forecast, forecast, ranks
from visionlaw.policy.past import PriorSource
from visionlaw.policy.state import Status, StudyState


@dataclass(frozen=True)
class RankedCandidate:
    """One candidate on one benchmark.

    Attributes:
        rank: 1 is best, by the chance of being the best where the sampler knows it, else by what is expected; None
            where nothing is predicted.
        representation: Canonical id.
        benchmark: Key of the benchmark.
        predicted: Expected performance in the benchmark's own unit; an observed result is not put in its place.
        standard_error: Of the performance around it, as the sampler believes; of samplers without beliefs, of the
            expectation, by the jackknife: None with fewer than 3 results.
        interval: Holds the performance with a chance of 80%, training noise aside, as the sampler believes; None
            without beliefs.
        best: Chance of being the best of all, as the sampler believes; None where it does not know.
        observed: The performance told, if any.
        status: ``open``, ``pending``, ``done`` or ``failed``.
        A: Alignment as it was scored.
        C: Correspondence as it was scored.
    """

    rank: int | None
    representation: str
    benchmark: str
    predicted: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    best: float | None
    observed: float | None
    status: str
    A: float
    C: float


@dataclass(frozen=True)
class Ranking:
    """The scored candidates of a study in the order that its law expects.

    Attributes:
        study: The study's name.
        sampler: The sampler whose law it is.
        rows: Benchmark by benchmark, the best first; candidates without a prediction last, in the space's order.
        believes: Whether the sampler has beliefs: then it may rank before the first result.
        mean_rank: Mean of a candidate's ranks over the ranked benchmarks, by their weights, the best first.
        mean_best: Mean of its chances of being the best, likewise; empty where the sampler does not know them.
        results: How many scored candidates have a result, by benchmark.
        left_out_error: By benchmark, by how much a result is missed, root mean square, when it is predicted from the
            others; None with fewer than 3 results.
        c_from: By benchmark, where its C comes from: the id of a data set, or a table's name.
        not_scored: Candidates that can't be ranked since their A or C is not known.
        notes: What to keep in mind, in sentences.
        unused: Representations whose results are kept but cannot enter the law: no longer in the space, or not scored.
        prior: What the study builds on.
    """

    study: str
    sampler: str
    believes: bool
    rows: tuple[RankedCandidate, ...]
    mean_rank: Mapping[str, float]
    mean_best: Mapping[str, float]
    results: Mapping[str, int]
    left_out_error: Mapping[str, float | None]
    c_from: Mapping[str, str]
    not_scored: tuple[NotScored, ...]
    notes: tuple[str, ...]
    unused: tuple[str, ...] = ()
    prior: tuple[PriorSource, ...] = ()


def rank(study: str, sampler: CheckedSampler, candidates: Candidates, state: StudyState, signs: FloatArray) -> Ranking:
    """Rank the scored candidates of one trial.

    Args:
        study: The study's name.
        sampler: Whose law predicts.
        candidates: All candidates; ``state`` holds the scored ones.
        state: One trial; higher is better.
        signs: ``[b]``: -1 for benchmarks on which lower is better, else 1.

    Raises:
        PluginError: The sampler failed.
    """
    told = np.isfinite(state.results[0]).sum(axis=-1)
    known = forecast(sampler, state)
    places = ranks(known.merit, known.mean)
    rows = [row for b, sign in enumerate(signs) for row in _rows(b, sign, candidates, state, places[b], known)]
    counts = {benchmark: int(n) for benchmark, n in zip(candidates.benchmarks, told, strict=True)}
    missed = (_number(float(error)) for error in known.left_out_error)
    return Ranking(
        study=study,
        sampler=sampler.name,
        believes=sampler.believes,
        rows=tuple(rows),
        mean_rank=_means(candidates.scored, places, state.weights),
        mean_best=_means(candidates.scored, -known.best, state.weights, sign=-1.0),
        results=counts,
        left_out_error=dict(zip(candidates.benchmarks, missed, strict=True)),
        c_from=candidates.c_from,
        not_scored=candidates.not_scored,
        notes=() if sampler.believes else tuple(_too_few(b, n) for b, n in counts.items() if n < FEWEST_FOR_RANKING),
    )


def _rows(
    b: int, sign: float, candidates: Candidates, state: StudyState, places: FloatArray, known: Forecast
) -> list[RankedCandidate]:
    """Return the rows of benchmark ``b``, the best first; ``places`` is ``[scored]``."""
    names, columns = candidates.scored, index_of(candidates.representations)
    low, high = (known.low[b], known.high[b]) if sign > 0 else (-known.high[b], -known.low[b])
    return [
        RankedCandidate(
            rank=int(places[i]) if math.isfinite(places[i]) else None,
            representation=names[i],
            benchmark=candidates.benchmarks[b],
            predicted=_number(float(sign * known.mean[b, i])),
            standard_error=_number(float(known.standard_error[b, i])),
            interval=(float(low[i]), float(high[i])) if math.isfinite(low[i]) else None,
            best=_number(float(known.best[b, i])),
            observed=_number(float(sign * state.results[0, b, i])),
            status=Status(int(state.status[0, i])).name.lower(),
            A=float(candidates.A[b, columns[names[i]]]),
            C=float(candidates.C[b, columns[names[i]]]),
        )
        for i in map(int, np.argsort(places, kind="stable"))  # NaN sorts last
    ]


def _means(
    names: tuple[str, ...], values: FloatArray, weights: FloatArray | None, sign: float = 1.0
) -> dict[str, float]:
    """Return each candidate's weighted mean over the benchmarks that know all candidates, the lowest first.

    Args:
        names: The candidates.
        values: ``[b, k]``.
        weights: ``[b]``; None: all the same.
        sign: What the means are multiplied by once they are in order.
    """
    ranked = np.isfinite(values).all(axis=-1)
    if not names or not ranked.any():
        return {}
    means = np.average(values[ranked], axis=0, weights=None if weights is None else weights[ranked])
    return {names[i]: sign * float(means[i]) for i in map(int, np.argsort(means, kind="stable"))}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _too_few(benchmark: str, count: int) -> str:
    results = "no result" if count == 0 else "1 result"
    return f"{benchmark}: {results} so far; the law ranks from {FEWEST_FOR_RANKING} results on."
