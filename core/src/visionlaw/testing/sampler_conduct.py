"""Checks of what a sampler predicts and believes, and of what its answers may hang on.

What a trial chooses may hang on random numbers that all trials of a batch share, so that it is the predictions that
have to be the same alone as among others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.belief import Belief
from visionlaw.policy.state import Status, StudyState
from visionlaw.testing.asking import choice_of, new_sampler, prediction_of, seeded
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.subjects import Subject
from visionlaw.testing.trials import CANDIDATES, World, copied, step, told

TRIALS = 12
"""Of a batch that is asked twice."""
ENOUGH = 12
"""Candidates of which all but one have results: enough to predict the last one by any law."""
APART = 0.1
"""By what share of their spread predictions may hang on draws of the sampler's own."""
ROUNDING = 1e-5
"""By how much a sum of chances may miss 1."""


@check("sampler-predicts", "sampler", needs=("sampler-protocol",))
def sampler_predicts(subject: Subject) -> None:
    """It predicts [T, b, k] numbers, NaN where it cannot say, never infinity."""
    world, sampler = World.draw(), new_sampler(subject)
    one = world.state([[Status.DONE, *[Status.OPEN] * (CANDIDATES - 1)]])
    for state in (world.fresh(2), one, world.middle(), world.finished()):
        prediction_of(subject, sampler, state)


@check("sampler-finite", "sampler", needs=("sampler-predicts",))
def sampler_finite(subject: Subject) -> None:
    """Once all but one of twelve candidates have results, it predicts every candidate."""
    statuses = [Status.DONE] * (ENOUGH - 1) + [Status.OPEN]
    predicted = prediction_of(subject, new_sampler(subject), World.draw(ENOUGH).state([statuses]))
    if not np.isfinite(predicted).all():
        fail(
            f"'{subject.name}' predicts nothing for {int(np.isnan(predicted).sum())} of {predicted.size} candidates, "
            f"though {ENOUGH - 1} of {ENOUGH} have results.",
            "Predict candidates with results too; NaN is for what cannot be said yet.",
        )


@check("sampler-trials", "sampler", needs=("sampler-seed",))
def sampler_trials(subject: Subject) -> None:
    """What it predicts in one trial does not hang on the other trials of the batch."""
    state = World.draw().middle(3)
    state.results[1] = 500 - 10 * state.results[1]  # another trial leaks visibly
    together = prediction_of(subject, new_sampler(subject), state)
    for trial in range(state.trials):
        alone = prediction_of(subject, new_sampler(subject), _only(state, trial))[0]
        spread = np.nanmax(alone, axis=-1, initial=-np.inf) - np.nanmin(alone, axis=-1, initial=np.inf)
        apart = np.abs(together[trial] - alone) > APART * np.maximum(spread, 1e-9)[:, None]
        if apart.any() or (np.isnan(together[trial]) != np.isnan(alone)).any():
            fail(
                f"'{subject.name}' predicts {_short(together[trial])} for one of {state.trials} trials, and "
                f"{_short(alone)} for the same trial alone.",
                "Keep the trials of a state apart: its first axis counts studies that know nothing of each other.",
            )


@check("sampler-seed", "sampler", needs=("sampler-study",))
def sampler_seed(subject: Subject) -> None:
    """The same random numbers give the same choices and the same predictions."""
    with _process_numbers():
        first, second = (_answers(subject, process_seed=0) for _ in range(2))
    _check_same(subject, first, second, "asked again with the same rng", "Draw from the rng that ask() is given.")


@check("sampler-process-random", "sampler", needs=("sampler-seed",))
def sampler_process_random(subject: Subject) -> None:
    """It leaves the random numbers of the process alone, and does not depend on them."""
    remedy = "Draw from the rng that ask() is given, not from numpy.random or random."
    with _process_numbers():
        first = _answers(subject, process_seed=0)
        if (np.random.random(), random.random()) != _numbers_of(0):  # noqa: S311  that is the question
            fail(f"'{subject.name}' draws from the random numbers of the process.", remedy)
        second = _answers(subject, process_seed=1)
    _check_same(subject, first, second, "with other random numbers of the process", remedy)


@check("sampler-restart", "sampler", needs=("sampler-process-random",))
def sampler_restart(subject: Subject) -> None:
    """A new instance goes on as the old one would have: all that it goes by is in the state."""
    world, sampler, rng = World.draw(), new_sampler(subject), seeded()
    state = world.fresh()
    for number in range(4):
        state = told(world, step(state, np.asarray(sampler.ask(copied(state), rng))))
        going, new = (np.asarray(one.ask(copied(state), seeded())) for one in (sampler, new_sampler(subject)))
        if going.tolist() != new.tolist():
            fail(
                f"After question {number + 1} '{subject.name}' chooses {going.tolist()}, and a new instance of it "
                f"{new.tolist()}.",
                "Derive the choice from the state alone: studies go on in other processes.",
            )


@check("sampler-belief", "sampler", needs=("sampler-inputs",))
def sampler_belief(subject: Subject) -> None:
    """What it believes has the predictions' shape, errors of 0 or more, and chances that sum to 1 at the most."""
    believe = _optional(subject, "belief")
    for state in (World.draw().fresh(2), World.draw().middle()):
        belief = believe(copied(state))
        if not isinstance(belief, Belief):
            fail(f"'{subject.name}' believes a {type(belief).__name__}.", "Return visionlaw.policy.belief.Belief.")
        for name in ("mean", "standard_error", "best"):
            values = np.asarray(getattr(belief, name))
            if values.shape != state.results.shape or np.isinf(values).any():
                fail(
                    f"What '{subject.name}' believes as {name} is {list(values.shape)}, or infinite.",
                    f"Return finite numbers [T, b, k], here {list(state.results.shape)}; NaN where it does not know.",
                )
        if (np.asarray(belief.standard_error) < 0).any():
            fail(f"'{subject.name}' believes in a negative standard error.", "Return errors of 0 or more.")
        _check_chances(subject, belief.best)
        if (np.nansum(belief.best, axis=-1) > 1 + ROUNDING).any():
            fail(
                f"'{subject.name}' gives chances of being the best that sum to more than 1.",
                "Divide them by their sum: one candidate is the best.",
            )


@check("sampler-chance", "sampler", needs=("sampler-inputs",))
def sampler_chance(subject: Subject) -> None:
    """The chance that something untrained is better is a chance for each trial and benchmark, [T, b]."""
    chance_of_better = _optional(subject, "chance_of_better")
    state = World.draw().middle()
    found = np.asarray(chance_of_better(copied(state), 0.005), dtype=np.float64)
    if found.shape != state.results.shape[:2]:
        fail(f"'{subject.name}' gives chances {list(found.shape)}.", f"Return {list(state.results.shape[:2])}.")
    _check_chances(subject, found)


@check("sampler-explains", "sampler", needs=("sampler-study",))
def sampler_explains(subject: Subject) -> None:
    """It says why in words."""
    explain = _optional(subject, "explain")
    state = World.draw().middle(1)
    choice = int(choice_of(subject, new_sampler(subject), state, "in the middle of a study")[0])
    reason = explain(copied(state), choice)
    if not isinstance(reason, str) or not reason.strip():
        fail(f"'{subject.name}' explains a choice by {reason!r}.", "Return one or two sentences.")


def _optional(subject: Subject, name: str) -> Callable[..., Any]:
    """Return a method that a sampler may have; the check is skipped where it has none."""
    found = getattr(subject.instance, name, None)
    if not callable(found):
        skip(f"it has no {name}()")
    return found


def _check_chances(subject: Subject, chances: FloatArray) -> None:
    if ((chances < -ROUNDING) | (chances > 1 + ROUNDING)).any():
        fail(f"'{subject.name}' believes in a chance outside 0–1.", "Return probabilities.")


def _answers(subject: Subject, process_seed: int) -> tuple[list[IntArray], list[FloatArray]]:
    """Return what a new instance chooses and predicts; the random numbers of the process are seeded before."""
    sampler, world = new_sampler(subject), World.draw()
    states = (world.fresh(TRIALS), world.middle(), world.fresh(TRIALS))
    rng = seeded()
    _seed_process(process_seed)
    return [np.asarray(sampler.ask(copied(s), rng)) for s in states], [
        np.asarray(sampler.predict(copied(s)), dtype=np.float64) for s in states
    ]


def _check_same(
    subject: Subject,
    first: tuple[list[IntArray], list[FloatArray]],
    second: tuple[list[IntArray], list[FloatArray]],
    when: str,
    remedy: str,
) -> None:
    if any(not np.array_equal(one, other) for one, other in zip(first[0], second[0], strict=True)):
        fail(f"'{subject.name}' chooses otherwise when it is {when}.", remedy)
    if any(not np.allclose(one, other, equal_nan=True) for one, other in zip(first[1], second[1], strict=True)):
        fail(f"'{subject.name}' predicts otherwise when it is {when}.", remedy)


@contextmanager
def _process_numbers() -> Generator[None]:
    """Put the random numbers of the process back afterwards."""
    state, other = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(state)
        random.setstate(other)


def _seed_process(seed: int) -> None:
    np.random.seed(seed)
    random.seed(seed)


def _numbers_of(seed: int) -> tuple[float, float]:
    """Return the first numbers that the process draws after seeding, and leave it seeded."""
    _seed_process(seed)
    return np.random.random(), random.random()  # noqa: S311


def _only(state: StudyState, trial: int) -> StudyState:
    part = slice(trial, trial + 1)
    return replace(state, points=state.points[part], status=state.status[part], results=state.results[part])


def _short(values: FloatArray) -> str:
    return np.array2string(values[0], precision=3, separator=", ")
