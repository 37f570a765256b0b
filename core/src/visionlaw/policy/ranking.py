"""The ranking of a study's candidates: what the law expects, beside what was observed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.policy.candidates import Candidates, NotScored, index_of
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.forecast import FEWEST_FOR_RANKING, forecast, ranks
from visionlaw.policy.state import Status, StudyState


@dataclass(frozen=True)
class RankedCandidate:
    """One candidate on one benchmark.

    Attributes:
        rank: 1 is best; None where nothing is predicted.
        representation: Canonical id.
        benchmark: Key of the benchmark.
        predicted: Expected performance in the benchmark's own unit; an observed result is not put in its place.
        standard_error: Of the expectation, by the jackknife; None with fewer than 3 results.
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
        mean_rank: Mean of a candidate's ranks over the ranked benchmarks, the best first.
        results: How many scored candidates have a result, by benchmark.
        left_out_error: By benchmark, by how much a result is missed, root mean square, when it is predicted from the
            others; None with fewer than 3 results.
        c_from: By benchmark, where its C comes from: the id of a data set, or a table's name.
        not_scored: Candidates that can't be ranked since their A or C is not known.
        notes: What to keep in mind, in sentences.
        unused: Representations whose results are kept but cannot enter the law: no longer in the space, or not scored.
    """

    study: str
    sampler: str
    rows: tuple[RankedCandidate, ...]
    mean_rank: Mapping[str, float]
    results: Mapping[str, int]
    left_out_error: Mapping[str, float | None]
    c_from: Mapping[str, str]
    not_scored: tuple[NotScored, ...]
    notes: tuple[str, ...]
    unused: tuple[str, ...] = ()


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
    mean = np.where((told >= FEWEST_FOR_RANKING)[:, None], known.mean, np.nan)
    places = ranks(mean)
    rows: list[RankedCandidate] = []
    for b, sign in enumerate(signs):
        expected, observed = sign * mean[b], sign * state.results[0, b]
        rows += _rows(b, candidates, state, places[b], expected, known.standard_error[b], observed)
    counts = {benchmark: int(n) for benchmark, n in zip(candidates.benchmarks, told, strict=True)}
    missed = (_number(float(error)) for error in known.left_out_error)
    return Ranking(
        study=study,
        sampler=sampler.name,
        rows=tuple(rows),
        mean_rank=_mean_rank(candidates.scored, places),
        results=counts,
        left_out_error=dict(zip(candidates.benchmarks, missed, strict=True)),
        c_from=candidates.c_from,
        not_scored=candidates.not_scored,
        notes=tuple(_too_few(b, n) for b, n in counts.items() if n < FEWEST_FOR_RANKING),
    )


def _rows(
    b: int,
    candidates: Candidates,
    state: StudyState,
    places: FloatArray,
    expected: FloatArray,
    error: FloatArray,
    observed: FloatArray,
) -> list[RankedCandidate]:
    """Return the rows of benchmark ``b``, the best first; the arrays are ``[scored]``."""
    names, columns = candidates.scored, index_of(candidates.representations)
    return [
        RankedCandidate(
            rank=int(places[i]) if math.isfinite(places[i]) else None,
            representation=names[i],
            benchmark=candidates.benchmarks[b],
            predicted=_number(float(expected[i])),
            standard_error=_number(float(error[i])),
            observed=_number(float(observed[i])),
            status=Status(int(state.status[0, i])).name.lower(),
            A=float(candidates.A[b, columns[names[i]]]),
            C=float(candidates.C[b, columns[names[i]]]),
        )
        for i in map(int, np.argsort(places, kind="stable"))  # NaN sorts last
    ]


def _mean_rank(names: tuple[str, ...], places: FloatArray) -> dict[str, float]:
    """Return each candidate's mean rank over the benchmarks that rank all candidates, the best first."""
    ranked = np.isfinite(places).all(axis=-1)
    if not names or not ranked.any():
        return {}
    means = places[ranked].mean(axis=0)
    return {names[i]: float(means[i]) for i in map(int, np.argsort(means, kind="stable"))}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _too_few(benchmark: str, count: int) -> str:
    results = "no result" if count == 0 else "1 result"
    return f"{benchmark}: {results} so far; the law ranks from {FEWEST_FOR_RANKING} results on."
