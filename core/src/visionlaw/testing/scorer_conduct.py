"""Checks of what a scorer does beside giving scores: what they may hang on, what it changes, keeps and tells."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from visionlaw.errors import VisionlawError
from visionlaw.protocols import Pair
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.scorer_checks import first_difference, listed, scoring_of
from visionlaw.testing.subjects import Subject
from visionlaw.testing.varied import as_given, choices

if TYPE_CHECKING:
    from visionlaw.testing.scoring import Run

FACTOR = 64.0
"""A power of two, which rounds nothing."""


@check("score-deterministic", "scorer", needs=("score-finite",))
def score_deterministic(subject: Subject) -> None:
    """The same job gives the same scores."""
    scoring = scoring_of(subject)
    _agree(subject, scoring.default, scoring.run(), "when it is asked again", "Seed what is random.")


@check("score-company", "scorer", needs=("score-deterministic",))
def score_company(subject: Subject) -> None:
    """A score depends neither on the order of the job's representations nor on which others there are."""
    from visionlaw.testing.scoring import COMBINATIONS

    scoring, remedy = scoring_of(subject), "Score each representation by itself."
    _agree(subject, scoring.default, scoring.run(COMBINATIONS[::-1]), "in another order", remedy)
    for alone in ("a", "c+a"):
        _agree(subject, scoring.default, scoring.run([alone]), "when nothing else is scored", remedy)


@check("score-scale", "scorer", needs=("score-deterministic", "scorer-options"))
def score_scale(subject: Subject) -> None:
    """Where the spec says that the scale of tokens does not matter, it does not, with every option."""
    scoring = scoring_of(subject)
    if not scoring.spec.scale_invariant:
        skip("its spec does not claim that the scale of tokens does not matter")
    remedy = "Normalise tokens, or take scale_invariant out of the spec."
    _agree(subject, scoring.default, scoring.run(factor=FACTOR), f"when all tokens are {FACTOR:g} times", remedy)
    for options in choices(scoring.spec):
        scorer, run = scoring.with_options(options)
        scaled = scoring.run(scorer=scorer, options=options, factor=FACTOR)
        _agree(subject, run, scaled, f"with {as_given(options)}, when all tokens are {FACTOR:g} times", remedy)


@check("scorer-inputs", "scorer", needs=("scores-each",))
def scorer_inputs(subject: Subject) -> None:
    """It changes nothing that it is given: neither feature maps nor data."""
    from visionlaw.testing.synthetic import MemoryStore

    scoring, store = scoring_of(subject), MemoryStore()
    data = scoring.data(scoring.spec.data)
    before = _fingerprint(data)
    scoring.run(cache=store, data=data)
    changed = [*store.changed(), *(["the data"] if _fingerprint(data) != before else [])]
    if changed:
        fail(
            f"'{subject.name}' writes into what it is given: {listed(changed)}.",
            "Copy before you change something in place.",
        )


@check("scorer-encodes-once", "scorer", needs=("scores-each",))
def scorer_encodes_once(subject: Subject) -> None:
    """Each encoder encodes each image once, however many representations it is part of."""
    again = scoring_of(subject).default.again
    if again:
        fail(
            f"For '{subject.name}', {listed(again)} encoded an image more than once.",
            "Go through the images once, with visionlaw.features.extractor.Extractor.",
        )


@check("scorer-cache", "scorer", needs=("scorer-encodes-once", "score-deterministic", "scorer-inputs"))
def scorer_cache(subject: Subject) -> None:
    """What the cache holds is not encoded again, and gives the same scores."""
    from visionlaw.testing.synthetic import MemoryStore

    scoring, store = scoring_of(subject), MemoryStore()
    scoring.run(cache=store)
    run = scoring.run(cache=store)
    remedy = "Look features up in job.cache and put new ones there: visionlaw.features.extractor.Extractor does both."
    if run.encoded:
        fail(f"'{subject.name}' encodes {run.encoded} images again whose features are in the job's cache.", remedy)
    _agree(subject, scoring.default, run, "when features come from the cache", remedy)


@check("scorer-scratch", "scorer", needs=("score-deterministic", "scorer-inputs"))
def scorer_scratch(subject: Subject) -> None:
    """What it keeps between runs changes no score, neither after the same job nor after one on other data."""
    scoring = scoring_of(subject)
    remedy = "Name what you keep by everything that it depends on: encoders, images, options."
    scratch = subject.folder / "scratch"
    data = scoring.data(scoring.spec.data)
    scoring.run(data=scoring.data(scoring.spec.data, seed=1), scratch=scratch)
    _agree(subject, scoring.default, scoring.run(data=data, scratch=scratch), "after a run on other data", remedy)
    _agree(subject, scoring.default, scoring.run(data=data, scratch=scratch), "from what it has kept", remedy)


@check("scorer-progress", "scorer", needs=("scores-each",))
def scorer_progress(subject: Subject) -> None:
    """It tells how far it is: never less than before, and all of it in the end."""
    reports = scoring_of(subject).default.reports
    remedy = "Call job.progress(stage, done, total), done and total counted over all stages."
    if not reports:
        fail(f"'{subject.name}' does not tell how far it is.", remedy)
    if len({total for _, _, total in reports}) > 1:
        fail(f"'{subject.name}' changes its mind on how much there is to do while it runs.", remedy)
    counts = [done for _, done, _ in reports]
    if counts != sorted(counts):
        fail(f"'{subject.name}' tells that it is at {_fallen(counts)}.", remedy)
    _, done, total = reports[-1]
    if done != total:
        fail(f"'{subject.name}' ends when {done} of {total} are done.", remedy)


@check("scorer-empty", "scorer", needs=("scores-each",))
def scorer_empty(subject: Subject) -> None:
    """Without data it says in a sentence that there are none."""
    from visionlaw.testing.drawn import DrawnPairs

    scoring = scoring_of(subject)
    try:
        run = scoring.run(data=DrawnPairs([]) if scoring.spec.data == "pairs" else [])
    except VisionlawError:
        return
    except Exception as error:  # noqa: BLE001  other people's code
        fail(f"Without data, '{subject.name}' raises {type(error).__name__}.", "Raise a visionlaw.errors.DataError.")
    fail(f"Without data, '{subject.name}' yields {len(run.given)} scores.", "Raise a visionlaw.errors.DataError.")


def _agree(subject: Subject, one: Run, other: Run, when: str, remedy: str) -> None:
    """Fail where a representation that both have scored has two scores."""
    name = first_difference(one.values, other.values)
    if name is not None:
        fail(
            f"'{subject.name}' gives '{name}' {one.values[name]:.6g}, and {other.values[name]:.6g} {when}.",
            remedy,
        )


def _fallen(counts: list[int]) -> str:
    """Return where a count falls."""
    return next(f"{after}, after {before}" for before, after in itertools.pairwise(counts) if after < before)


def _fingerprint(data: Any) -> list[Any]:
    """Return what a job's data are, to be compared with what they are later."""
    return [_facts(item) if isinstance(item, Pair) else tuple(item) for item in data]


def _facts(pair: Pair) -> tuple[Any, ...]:
    arrays = (pair.source_points, pair.target_points, np.asarray(pair.size))
    named = (pair.id, pair.source.key, pair.target.key, pair.category, dict(pair.attributes))
    return (*named, *(array.tobytes() for array in arrays))
