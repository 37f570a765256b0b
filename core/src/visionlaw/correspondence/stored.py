"""Scores that last: what the store holds is not computed again, and each new score is stored as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from visionlaw.correspondence.score import name_of
from visionlaw.protocols import Representation, Score, Scorer, ScoringJob
from visionlaw.store import ScoreRow, Store


@dataclass(frozen=True)
class Measurement:
    """What is measured, the representation aside: the part of a score's identity that a job's scores share.

    Attributes:
        scorer: The scorer's id with its options.
        dataset: The id of the data with its options.
        dataset_version: Identity of their content.
        sources: What else would change the numbers: distributions and versions of the scorer, the data, the libraries.
        combiner: What the combiner is; counts for combinations only.
    """

    scorer: str
    dataset: str
    dataset_version: str
    sources: Mapping[str, Any] = field(default_factory=dict[str, Any])
    combiner: Mapping[str, str] = field(default_factory=dict[str, str])

    def row(self, representation: Representation, scorer: Scorer, score: Score) -> ScoreRow:
        """Return what the store keeps of a score."""
        combined = {"combiner": dict(self.combiner)} if len(representation) > 1 else {}
        return ScoreRow(
            representation=name_of(representation),
            scorer=self.scorer,
            dataset=self.dataset,
            dataset_version=self.dataset_version,
            protocol=scorer.protocol,
            value=score.value,
            count=score.count,
            params=dict(scorer.parameters),
            provenance={
                **self.sources,
                **combined,
                "encoders": {part.id: dict(part.provenance) for part in representation},
            },
            extra=dict(score.details),
        )


def score_and_store(
    scorer: Scorer,
    job: ScoringJob,
    measurement: Measurement,
    store: Store,
    start_run: Callable[[], int],
) -> Iterator[ScoreRow]:
    """Yield the score of every representation, stored ones first, and store the new ones one by one.

    A score counts as stored when its whole identity is the same: protocol, parameters, data and provenance.

    Args:
        scorer: Any scorer.
        job: What to score.
        measurement: The identity of the scores.
        store: Where scores are kept.
        start_run: Called once, only if something has to be computed; returns the run's id in the store.

    Raises:
        StoreError: The store cannot be read or written.
    """
    by_name = {name_of(r): r for r in job.representations}
    known = {
        row.key: row
        for row in store.scores(scorer=measurement.scorer, dataset=measurement.dataset, protocol=scorer.protocol)
    }
    missing: list[Representation] = []
    for name, representation in by_name.items():
        key = measurement.row(representation, scorer, Score(name, 0.0, 0)).key
        if key in known:
            yield known[key]
        else:
            missing.append(representation)
    if not missing:
        return
    run = start_run()
    for score in scorer.score(replace(job, representations=missing)):
        row = measurement.row(by_name[score.representation], scorer, score)
        store.record_scores([row], run)
        yield row
    store.finish_run(run)
