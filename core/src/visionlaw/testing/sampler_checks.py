"""Checks of what a sampler asks for, on simulated studies of seven candidates and two benchmarks.

Which candidate is the best choice is not for a check to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from visionlaw.guard import describe_error
from visionlaw.policy.state import Status, StudyState
from visionlaw.protocols import Sampler
from visionlaw.testing.asking import choice_of, new_sampler, prediction_of, seeded
from visionlaw.testing.checks import check, fail
from visionlaw.testing.subjects import Subject
from visionlaw.testing.trials import CANDIDATES, World, arrays_of, copied, grown, informed, step, told
from visionlaw.testing.varied import as_given, choices

TRIALS, AT_ONCE = 5, 5
"""Studies side by side, and candidates that are asked for before the first result is told."""
ENOUGH = 12
"""Candidates of which one is left and one has failed: enough to predict the others by any law."""
LATE = "when candidates have come while the study ran"


@check("sampler-protocol", "sampler", needs=("target", "options"))
def sampler_protocol(subject: Subject) -> None:
    """It can be asked, and it predicts."""
    if not isinstance(subject.instance, Sampler):
        lacking = [name for name in ("ask", "predict") if not hasattr(subject.instance, name)]
        fail(f"'{subject.name}' lacks {' and '.join(lacking)}.", "Follow visionlaw.protocols.Sampler.")


@check("sampler-asks", "sampler", needs=("sampler-protocol",))
def sampler_asks(subject: Subject) -> None:
    """It chooses one open candidate for each trial that begins, and -1 for one in which none is open."""
    world, sampler = World.draw(), new_sampler(subject)
    none_open = [Status.DONE] * CANDIDATES
    mixed = world.state([none_open, [Status.OPEN] * CANDIDATES])
    for state in (world.fresh(), world.fresh(3), mixed, world.finished()):
        choice_of(subject, sampler, state, "as a study begins")


@check("sampler-inputs", "sampler", needs=("sampler-asks", "sampler-predicts"))
def sampler_inputs(subject: Subject) -> None:
    """It does not change the state that it is shown."""
    sampler, state = new_sampler(subject), copied(informed(World.draw().middle(1)))
    before = arrays_of(copied(state))
    for name, call in _calls(sampler, state).items():
        call()
        for part, array in arrays_of(state).items():
            if not np.array_equal(array, before[part], equal_nan=array.dtype.kind == "f"):
                fail(f"'{subject.name}' writes into the state's {part} in {name}().", "Copy it first.")


@check("sampler-study", "sampler", needs=("sampler-inputs",))
def sampler_study(subject: Subject) -> None:
    """Over a whole study it asks for every candidate once, also while others are still being trained."""
    world, sampler, rng = World.draw(), new_sampler(subject), seeded()
    state = world.fresh(TRIALS)
    for number in range(CANDIDATES):
        state = step(state, choice_of(subject, sampler, state, f"as question {number + 1} of a study", rng))
        state = told(world, state) if number == AT_ONCE - 1 else state
    choice_of(subject, sampler, state, "when nothing is left", rng)


@check("sampler-failures", "sampler", needs=("sampler-study",))
def sampler_failures(subject: Subject) -> None:
    """Candidates whose training failed are never asked for again, and harm nothing else."""
    world, sampler, rng = World.draw(), new_sampler(subject), seeded()
    state = world.fresh(TRIALS)
    for number in range(CANDIDATES):
        state = step(state, choice_of(subject, sampler, state, "when trainings have failed", rng))
        state = told(world, state, failing=(0, 2, 3)) if number == AT_ONCE - 1 else state
    prediction_of(subject, sampler, state)
    choice_of(subject, sampler, state, "when nothing is left and trainings have failed", rng)
    only_failed = world.state([[Status.FAILED] * 3 + [Status.OPEN] * (CANDIDATES - 3)])
    choice_of(subject, sampler, only_failed, "when every training so far has failed", rng)
    prediction_of(subject, sampler, only_failed)
    _check_failure_teaches_nothing(subject)


def _check_failure_teaches_nothing(subject: Subject) -> None:
    """Fail where a training that has failed makes other predictions of the rest than one that still runs."""
    world, rest = World.draw(ENOUGH), [Status.OPEN, *[Status.DONE] * (ENOUGH - 2)]
    running, failed = (
        prediction_of(subject, new_sampler(subject), world.state([[*rest, status]]))[0, :, :-1]
        for status in (Status.PENDING, Status.FAILED)
    )
    known = np.isfinite(running)
    if (known & ~np.isfinite(failed)).any():
        fail(
            f"'{subject.name}' predicts nothing for candidates once the training of another has failed.",
            "Learn where state.status is DONE: the results of the others are NaN.",
        )
    spread = np.ptp(world.truth, axis=-1, keepdims=True)
    if (np.abs(failed - running) > spread)[known].any():
        fail(
            f"'{subject.name}' predicts something else for candidates once the training of another has failed.",
            "A failure is no result: learn where state.status is DONE.",
        )


@check("sampler-late", "sampler", needs=("sampler-study",))
def sampler_late(subject: Subject) -> None:
    """Candidates may come while a study runs, and go."""
    world, sampler, rng = World.draw(), new_sampler(subject), seeded()
    fewer = world.first(CANDIDATES - 2)
    state = fewer.fresh(2)
    for number in range(CANDIDATES):
        if number == 2:
            state = grown(world, state)
        state = told(world if number >= 2 else fewer, step(state, choice_of(subject, sampler, state, LATE, rng)))
    prediction_of(subject, sampler, state)
    choice_of(subject, sampler, world.first(3).middle(), "when candidates have gone", rng)


@check("sampler-budget", "sampler", needs=("sampler-study",))
def sampler_budget(subject: Subject) -> None:
    """It answers whatever the budget is: what may still be asked for is the study's to count."""
    for budget in (0, 1, 10**12):
        sampler, state = new_sampler(subject), replace(World.draw().middle(), budget=budget)
        choice_of(subject, sampler, state, f"with a budget of {budget}")
        prediction_of(subject, sampler, state)


@check("sampler-smallest", "sampler", needs=("sampler-study",))
def sampler_smallest(subject: Subject) -> None:
    """It can do with one candidate and one benchmark."""
    world, sampler = World.draw(1, 1), new_sampler(subject)
    for state in (world.fresh(), world.finished(), world.fresh(2)):
        choice_of(subject, sampler, state, "with one candidate")
        prediction_of(subject, sampler, state)


@check("sampler-flat", "sampler", needs=("sampler-study",))
def sampler_flat(subject: Subject) -> None:
    """It goes on where nothing tells candidates apart: all have the same scores and the same results."""
    world, sampler = World.flat(), new_sampler(subject)
    for state in (world.fresh(2), world.middle()):
        choice_of(subject, sampler, state, "when all candidates are alike")
        prediction_of(subject, sampler, state)


@check("sampler-context", "sampler", needs=("sampler-study",))
def sampler_context(subject: Subject) -> None:
    """It works whatever else it is told: costs, weights of benchmarks, and results on past benchmarks."""
    sampler = new_sampler(subject)
    for state in (World.draw().fresh(2), World.draw().middle()):
        choice_of(subject, sampler, informed(state), "with costs, weights and past benchmarks")
        prediction_of(subject, sampler, informed(state))


@check("sampler-options", "sampler", needs=("sampler-study",))
def sampler_options(subject: Subject) -> None:
    """Every value that an option may have works."""
    for options in choices(subject.declared):
        try:
            choice_of(subject, new_sampler(subject, **options), World.draw().middle(), f"with {as_given(options)}")
        except Exception as error:  # noqa: BLE001  other people's code
            fail(
                f"'{subject.name}' fails with {as_given(options)}: {describe_error(error)}.",
                "Make it work, or take the value out of the option's choices.",
            )


def _calls(sampler: Sampler, state: StudyState) -> dict[str, Callable[[], Any]]:
    """Return everything that a sampler of one trial can be asked."""
    open_one = int(np.flatnonzero(state.open[0])[0])
    calls: dict[str, Callable[[], Any]] = {
        "ask": lambda: sampler.ask(state, seeded()),
        "predict": lambda: sampler.predict(state),
    }
    more: dict[str, tuple[Any, ...]] = {"belief": (), "chance_of_better": (0.005,), "explain": (open_one,)}
    for name, arguments in more.items():
        method = getattr(sampler, name, None)
        if callable(method):
            calls[name] = lambda method=method, arguments=arguments: method(state, *arguments)
    return calls
