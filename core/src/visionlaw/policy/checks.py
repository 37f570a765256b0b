"""What a study refuses, in one sentence with the remedy."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from visionlaw.errors import InvalidIdError, StudyError, UnknownIdError, did_you_mean
from visionlaw.modes import Mode
from visionlaw.policy.candidates import Candidates
from visionlaw.store.studies import History, StudySettings

FIXED = ("mode", "benchmarks", "seed", "a_definition", "lower_is_better")
"""What the history of a study means: these settings can't change once it has begun."""


def check_settings(settings: StudySettings) -> None:
    """Refuse settings that contradict themselves.

    Raises:
        StudyError: No benchmark, several in mode ``single``, no budget, a negative seed.
    """
    if not settings.benchmarks:
        raise StudyError("The study has no benchmark.", "Name some under [policy] or [benchmarks] of registry.toml.")
    if settings.mode == Mode.SINGLE and len(settings.benchmarks) > 1:
        raise StudyError(
            f"A study of mode 'single' has exactly one benchmark, not {len(settings.benchmarks)}.",
            f'Write benchmarks = ["{settings.benchmarks[0]}"] under [policy] of registry.toml, or mode = "joint".',
        )
    if settings.budget < 1 or settings.seed < 0:
        raise StudyError(
            f"A study's budget is at least 1 and its seed at least 0, not {settings.budget} and {settings.seed}.",
            "Mend them under [policy] of registry.toml.",
        )


def check_weights(settings: StudySettings, weights: Mapping[str, float]) -> None:
    """Refuse weights that are none, or of benchmarks that the study does not have.

    Raises:
        StudyError: With the benchmark.
    """
    for benchmark, weight in weights.items():
        if benchmark not in settings.benchmarks:
            raise StudyError(
                f"'{benchmark}' has a weight, but it is not a benchmark of study '{settings.name}'.",
                did_you_mean(benchmark, settings.benchmarks) or f"It has {', '.join(settings.benchmarks)}.",
            )
        if not 0 < weight < math.inf:
            raise StudyError(f"The weight {weight} of '{benchmark}' is not above 0.", "Give a number such as 2.")


def check_agreement(stored: StudySettings | None, now: StudySettings) -> None:
    """Refuse settings that would change what a stored study means.

    Raises:
        StudyError: Mode, benchmarks, seed, definition of A or a benchmark's direction differ.
    """
    if stored is None:
        return
    for name in FIXED:
        before, after = getattr(stored, name), getattr(now, name)
        if before != after:
            raise StudyError(
                f"Study '{now.name}' was begun with {name} = {_show(before)}; now it is {_show(after)}.",
                "Put it back in registry.toml, or begin another study with '--study NAME'.",
            )


def check_room(settings: StudySettings, history: History, candidates: Candidates, n: int) -> None:
    """Refuse to ask for more than the budget or the open candidates allow.

    Raises:
        StudyError: ``n`` is not positive, or more than is left.
    """
    if n < 1:
        raise StudyError(f"Asking for {n} representations makes no sense.", "Ask for 1 or more.")
    left = max(0, settings.budget - history.asked)
    if n > left:
        raise StudyError(
            f"Study '{settings.name}' has {left} of its {settings.budget} finetunings left to ask for, not {n}.",
            "See 'visionlaw policy rank', or raise budget under [policy] of registry.toml.",
        )
    available = sum(name not in history.trials for name in candidates.scored)
    if n > available:
        remedy = "Add representations under [space] of registry.toml."
        if unscored := candidates.not_scored:
            first = unscored[0]
            remedy = f"{len(unscored)} more are not scored yet, first '{first.representation}': {first.remedy}."
        raise StudyError(f"Study '{settings.name}' has {available} open candidates, not {n}.", remedy)


def check_results(settings: StudySettings, results: Mapping[str, float]) -> None:
    """Refuse results that are not numbers on benchmarks of the study.

    Raises:
        StudyError: Nothing was told, or something that is no result.
    """
    if not results:
        raise StudyError("No result was given.", "Give it as BENCHMARK=VALUE.")
    for benchmark, value in results.items():
        if benchmark not in settings.benchmarks:
            raise StudyError(
                f"'{benchmark}' is not a benchmark of study '{settings.name}'.",
                did_you_mean(benchmark, settings.benchmarks) or f"It has {', '.join(settings.benchmarks)}.",
            )
        if not math.isfinite(value):
            raise StudyError(
                f"{value} on '{benchmark}' is not a result.",
                "Tell a number, or tell the failure with '--failed REASON'.",
            )


def find_representation(
    name: str, settings: StudySettings, known: Collection[str], canonical: Callable[[str], str], others: Iterable[str]
) -> str:
    """Return the canonical id of a representation of the space or of the study's history.

    Args:
        name: An id, an alias or a published name.
        settings: The study, for messages.
        known: Canonical ids of the representations of the space and of the history.
        canonical: Turns a name into a canonical id, or raises InvalidIdError.
        others: Further names to suggest.

    Raises:
        UnknownIdError: It is in neither; the message has the closest names.
    """
    if name in known:  # also what the history holds and nothing names any more
        return name
    try:
        found = canonical(name)
    except InvalidIdError:
        found = name
    if found not in known:
        raise UnknownIdError(
            f"'{name}' is neither in the search space nor in study '{settings.name}'.",
            did_you_mean(name, {*known, *others} - {name})
            or "Add it under [space] of registry.toml; see 'visionlaw policy status'.",
        )
    return found


def _show(value: Any) -> str:
    return (", ".join(map(str, value)) or "nothing") if isinstance(value, tuple | list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
