"""Scores that last: what the store holds is not computed again, and each new score is stored as soon as it is known."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, cast

from visionlaw.errors import PluginError, StoreError
from visionlaw.guard import third_party
from visionlaw.protocols import Representation, Score, Scorer, ScoringJob
from visionlaw.scoring.representations import name_of
from visionlaw.store import ScoreRow, Store

REMEDY = "Report it to its author."


@dataclass(frozen=True)
class Measurement:
    """What is measured, the representation aside: the part of a score's identity that a job's scores share.

    Attributes:
        scorer: The scorer's id with its options.
        dataset: The id of the data with its options.
        dataset_version: Identity of their content.
        sources: What else would change the numbers: distributions, versions and libraries of the scorer and the data.
        combiner: What the combiner is; counts for combinations only.
        benchmark: The benchmark that the scores belong to; empty when they serve all.
        params: What they depend on beside the scorer's own parameters, such as the number of images and their seed.
        of_each: Representation → what else its score depends on, such as the digest of its projector.
        told: What is kept with the scores for people; changes no number.
    """

    scorer: str
    dataset: str
    dataset_version: str
    sources: Mapping[str, Any] = field(default_factory=dict[str, Any])
    combiner: Mapping[str, Any] = field(default_factory=dict[str, Any])
    benchmark: str = ""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    of_each: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"])
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def guard(self) -> AbstractContextManager[None]:
        """Return what turns a failure of the scorer into one sentence that names it."""
        distribution = self.sources.get("scorer", {}).get("distribution", "")
        return third_party(f"The scorer '{self.scorer}'", distribution)

    def row(self, representation: Representation, scorer: Scorer, score: Score) -> ScoreRow:
        """Return what the store keeps of a score."""
        name = name_of(representation)
        combined = {"combiner": dict(self.combiner)} if len(representation) > 1 else {}
        return ScoreRow(
            representation=name,
            scorer=self.scorer,
            dataset=self.dataset,
            dataset_version=self.dataset_version,
            protocol=scorer.protocol,
            value=float(score.value),
            count=int(score.count),
            benchmark=self.benchmark,
            params={**scorer.parameters, **self.params},
            provenance={
                **self.sources,
                **combined,
                **self.of_each.get(name, {}),
                "encoders": {part.id: dict(part.provenance) for part in representation},
            },
            extra={**self.told, **score.details},
        )


def score_and_store(
    scorer: Scorer,
    representations: Sequence[Representation],
    measurement: Measurement,
    store: Store,
    begin: Callable[[Sequence[Representation]], tuple[ScoringJob, int]],
) -> Iterator[ScoreRow]:
    """Yield the score of every representation, stored ones first, and store the new ones one by one.

    A score counts as stored when its whole identity is the same: protocol, parameters, data and provenance. It becomes
    the latest one again: a study goes by what was asked for last.

    Args:
        scorer: Any scorer.
        representations: What to score.
        measurement: The identity of the scores.
        store: Where scores are kept.
        begin: Called with the representations that are not stored, if there are any; returns the job that scores them,
            and the run's id in the store. What only computing needs, such as torch, may be imported there.

    Raises:
        StoreError: The store cannot be read or written.
        PluginError: The scorer fails, gives something else than scores, scores what it was not asked for, or leaves
            something out.
    """
    by_name = {name_of(r): r for r in representations}
    with measurement.guard():
        keys = {name: measurement.row(r, scorer, Score(name, 0.0, 0)).key for name, r in by_name.items()}
    known = {row.key: row for row in store.scores(keys=list(keys.values()))}
    if known:
        with contextlib.suppress(StoreError):  # a store that can only be read is read
            store.renew_scores(known)
    yield from (known[key] for key in keys.values() if key in known)
    missing = [representation for name, representation in by_name.items() if keys[name] not in known]
    if not missing:
        return
    job, run = begin(missing)
    awaited = {name_of(representation) for representation in missing}
    for score in _scores(scorer, job, measurement):
        if score.representation not in awaited:
            raise PluginError(
                f"The scorer '{measurement.scorer}' scored '{score.representation}', which is not awaited.", REMEDY
            )
        awaited.remove(score.representation)
        with measurement.guard():
            row = measurement.row(by_name[score.representation], scorer, score)
        store.record_scores([row], run)
        yield row
    if awaited:
        raise PluginError(f"The scorer '{measurement.scorer}' left out {', '.join(sorted(awaited))}.", REMEDY)
    store.finish_run(run)


def _scores(scorer: Scorer, job: ScoringJob, measurement: Measurement) -> Iterator[Score]:
    with measurement.guard():
        given = cast("Iterator[object]", iter(scorer.score(job)))
    while True:
        with measurement.guard():
            score = next(given, None)
            if score is None:
                return
            if not isinstance(score, Score):
                raise PluginError(
                    f"The scorer '{measurement.scorer}' gave {type(score).__name__} where a Score is expected.", REMEDY
                )
        yield score
