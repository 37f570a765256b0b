"""Checks of the scores that a scorer gives, on three synthetic encoders and data of the kind that its spec names.

No check asks for a better score of a better encoder: what a score is worth is not for a check to say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

from visionlaw.errors import VisionlawError
from visionlaw.guard import describe_error
from visionlaw.ids import join_representation
from visionlaw.protocols import Score, Scorer
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.subjects import Subject
from visionlaw.testing.varied import as_given, choices, near

if TYPE_CHECKING:
    from visionlaw.testing.scoring import Run, Scoring

CLOSE = 1e-4
"""By how much of itself a score may change where nothing but rounding differs."""


def scoring_of(subject: Subject) -> Scoring:
    """Return the runs of a scorer, the same for all of its checks."""
    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.testing.scoring import Scoring

    return subject.shared("scoring", lambda: Scoring(subject))


@check("scorer-protocol", "scorer", needs=("target", "options"))
def scorer_protocol(subject: Subject) -> None:
    """It can score, names its protocol, and gives its parameters as JSON values."""
    scorer = cast("Any", scoring_of(subject).load())
    if not isinstance(scorer, Scorer):
        lacking = [name for name in ("protocol", "parameters", "score") if not hasattr(scorer, name)]
        fail(f"'{subject.name}' lacks {' and '.join(lacking)}.", "Follow visionlaw.protocols.Scorer.")
    protocol, parameters = cast("Any", scorer.protocol), scorer.parameters
    if not isinstance(protocol, str) or not protocol.strip():
        fail(f"The protocol of '{subject.name}' is {protocol!r}, which names no definition.", "Return a word.")
    if not _is_json(parameters):
        fail(f"The parameters of '{subject.name}' are no JSON values: {parameters!r}.", "Return plain values.")


@check("scores-each", "scorer", needs=("scorer-protocol",))
def scores_each(subject: Subject) -> None:
    """It scores every representation of a job exactly once, under its canonical id."""
    from visionlaw.testing.scoring import COMBINATIONS

    given = scoring_of(subject).default.given
    odd = [type(one).__name__ for one in given if not isinstance(one, Score)]
    if odd:
        fail(f"'{subject.name}' yields {odd[0]} instead of visionlaw.protocols.Score.", "Yield a Score.")
    wanted = [join_representation(tuple(f"kit/{part}@64" for part in name.split("+"))) for name in COMBINATIONS]
    found = [score.representation for score in cast("list[Score]", given)]
    if sorted(found) != sorted(wanted):
        fail(
            f"'{subject.name}' was asked to score {listed(wanted)}, and scored {listed(found)}.",
            "Score each representation once, as visionlaw.scoring.representations.name_of calls it.",
        )


@check("score-finite", "scorer", needs=("scores-each",))
def score_finite(subject: Subject) -> None:
    """Its scores are finite numbers."""
    for score in scoring_of(subject).default.scores:
        value = cast("Any", score.value)
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            fail(f"'{subject.name}' gives '{score.representation}' the score {value!r}.", "Give a finite float.")


@check("score-count", "scorer", needs=("scores-each",))
def score_count(subject: Subject) -> None:
    """It says how many pairs or images each score is the mean of."""
    scoring = scoring_of(subject)
    most = len(scoring.data(scoring.spec.data))
    for score in scoring.default.scores:
        count = cast("Any", score.count)
        if isinstance(count, bool) or not isinstance(count, Integral) or not 1 <= int(count) <= most:
            fail(
                f"'{subject.name}' says that a score is the mean over {count!r} of {most} pairs or images.",
                "Count the pairs or images that the mean runs over.",
            )


@check("score-details", "scorer", needs=("scores-each",))
def score_details(subject: Subject) -> None:
    """What it tells beside a score is of JSON values, so that it can be stored."""
    for score in scoring_of(subject).default.scores:
        if not _is_json(score.details):
            fail(
                f"The details of the score of '{score.representation}' by '{subject.name}' are no JSON values.",
                "Turn arrays into lists and numbers of numpy and torch into int and float; leave NaN out.",
            )


@check("scorer-options", "scorer", needs=("score-finite",))
def scorer_options(subject: Subject) -> None:
    """Every value that an option may have works; a number that is not allowed is refused in a sentence."""
    scoring = scoring_of(subject)
    for options in (*choices(scoring.spec), *near(scoring.spec)):
        try:
            _, run = scoring.with_options(options)
        except VisionlawError as error:
            if options in near(scoring.spec):
                continue
            fail(
                f"'{subject.name}' does not work with {as_given(options)}: {error.message}",
                "Make it work, or take the value out of the option's choices.",
            )
        except Exception as error:  # noqa: BLE001  other people's code
            fail(
                f"'{subject.name}' raises {describe_error(error)} with {as_given(options)}.",
                "Make it work, or raise a visionlaw.errors.DataError that says what is allowed.",
            )
        if run.values.keys() != scoring.default.values.keys():
            fail(f"'{subject.name}' scores something else with {as_given(options)}.", "Score every representation.")
        bad = [value for value in run.values.values() if not math.isfinite(value)]
        if bad:
            fail(f"'{subject.name}' gives the score {bad[0]} with {as_given(options)}.", "Give finite floats.")


@check("score-range", "scorer", needs=("scorer-options",))
def score_range(subject: Subject) -> None:
    """Its scores lie in the range that the spec declares, with every option."""
    scoring = scoring_of(subject)
    if scoring.spec.range is None:
        skip("it declares no range")
    low, high = scoring.spec.range
    least, greatest = -math.inf if low is None else low, math.inf if high is None else high
    for run in (scoring.default, *(run for _, run in _varied(scoring).values())):
        for name, value in run.values.items():
            if not least <= value <= greatest:
                fail(
                    f"'{subject.name}' gives '{name}' {value:g}, which is outside its range {least:g} to {greatest:g}.",
                    "Mend the score, or the spec's range.",
                )


@check("score-identity", "scorer", needs=("scorer-options", "score-deterministic"))
def score_identity(subject: Subject) -> None:
    """Where an option changes the scores, protocol or parameters tell: they are what tells stored numbers apart."""
    scoring = scoring_of(subject)
    plain = scoring.load()
    own = (plain.protocol, dict(plain.parameters))
    for told, (scorer, run) in _varied(scoring).items():
        changed = first_difference(scoring.default.values, run.values) is not None
        if changed and (scorer.protocol, dict(scorer.parameters)) == own:
            fail(
                f"'{subject.name}' gives other scores with {told}, under the same protocol and parameters.",
                "Name the option in its parameters.",
            )


def _varied(scoring: Scoring) -> dict[str, tuple[Scorer, Run]]:
    """Return the runs with every choice, and with those numbers near the defaults that are allowed."""
    found = {as_given(options): scoring.with_options(options) for options in choices(scoring.spec)}
    for options in near(scoring.spec):
        try:
            found[as_given(options)] = scoring.with_options(options)
        except VisionlawError:
            continue
    return found


def _is_json(value: Any) -> bool:
    """Whether a mapping is the same once it was JSON."""
    try:
        return isinstance(value, Mapping) and json.loads(json.dumps(value, allow_nan=False)) == _as_read(value)
    except (TypeError, ValueError):
        return False


def _as_read(value: Any) -> Any:
    """Return JSON values with their tuples as lists, as they come back."""
    if isinstance(value, dict):
        return {key: _as_read(one) for key, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_as_read(one) for one in cast("list[Any]", value)]
    return value


def first_difference(one: Mapping[str, float], other: Mapping[str, float]) -> str | None:
    """Return a representation that has two scores which differ by more than rounding."""
    for name in one.keys() & other.keys():
        if not math.isclose(one[name], other[name], rel_tol=CLOSE, abs_tol=1e-6):
            return name
    return None


def listed(names: Sequence[str]) -> str:
    """Return names for a sentence."""
    return ", ".join(f"'{name}'" for name in names) or "nothing"
