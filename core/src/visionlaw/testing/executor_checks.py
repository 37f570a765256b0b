"""Checks of executors, with tasks that other processes can be sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

from visionlaw.guard import describe_error
from visionlaw.protocols import Executor
from visionlaw.testing.checks import check, fail
from visionlaw.testing.subjects import Subject

ITEMS = 12
PAUSE = 0.05
"""Seconds by which the first task takes longer than the last."""
WORDS = "item 3 cannot be done"


def square(item: int) -> int:
    """Return the square of a number, later for small ones: what is first is not finished first."""
    time.sleep(PAUSE * (ITEMS - item) / ITEMS)
    return item * item


def refuse_three(item: int) -> int:
    """Return a number; raise LookupError for 3."""
    if item == 3:
        raise LookupError(WORDS)
    return item


@check("executor-protocol", "executor", needs=("target", "options"))
def executor_protocol(subject: Subject) -> None:
    """It maps a task over items."""
    if not isinstance(subject.instance, Executor):
        fail(f"'{subject.name}' lacks map.", "Follow visionlaw.protocols.Executor.")


@check("executor-once", "executor", needs=("executor-protocol",))
def executor_once(subject: Subject) -> None:
    """Every item gives one result."""
    found = sorted(_executor(subject).map(square, list(range(ITEMS))))
    if found != [item * item for item in range(ITEMS)]:
        fail(
            f"Of {ITEMS} squares '{subject.name}' returns {found}.",
            "Run the task on every item, and yield each result once.",
        )


@check("executor-order", "executor", needs=("executor-once",))
def executor_order(subject: Subject) -> None:
    """Results come in the order of the items, whichever is finished first."""
    found = list(_executor(subject).map(square, list(range(ITEMS))))
    if found != sorted(found):
        fail(f"'{subject.name}' returns results in the order {found}.", "Yield them in the order of the items.")


@check("executor-empty", "executor", needs=("executor-once",))
def executor_empty(subject: Subject) -> None:
    """Without items there are no results."""
    found = list(_executor(subject).map(square, []))
    if found:
        fail(f"'{subject.name}' returns {found} of no items.", "Return nothing.")


@check("executor-lazy", "executor", needs=("executor-order",))
def executor_lazy(subject: Subject) -> None:
    """Items may come from a generator, which is gone through once."""
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for item in range(ITEMS):
            drawn.append(item)
            yield item

    try:
        found = list(_executor(subject).map(square, items()))
    except Exception as error:  # noqa: BLE001  other people's code
        fail(f"'{subject.name}' raises {describe_error(error)} on a generator of items.", _ITERABLE)
    if found != [item * item for item in range(ITEMS)] or drawn != list(range(ITEMS)):
        fail(f"Of a generator of {ITEMS} items '{subject.name}' returns {found}.", _ITERABLE)


_ITERABLE = "Go through the items once, without asking how many there are."


@check("executor-errors", "executor", needs=("executor-once",))
def executor_errors(subject: Subject) -> None:
    """What a task raises comes out as it is."""
    remedy = "Let the task's exception pass: its type and its words say what to do."
    try:
        found = list(_executor(subject).map(refuse_three, list(range(ITEMS))))
    except LookupError as error:
        if WORDS not in str(error):
            fail(f"'{subject.name}' passes a task's exception on without its words: {error}.", remedy)
        return
    except Exception as error:  # noqa: BLE001  other people's code
        fail(f"'{subject.name}' turns a task's LookupError into {describe_error(error)}.", remedy)
    fail(f"'{subject.name}' returns {found} although a task has failed.", remedy)


@check("executor-again", "executor", needs=("executor-errors", "executor-order"))
def executor_again(subject: Subject) -> None:
    """It can be used again, also after a task has failed."""
    executor = _executor(subject)
    for task in (square, refuse_three, square):
        try:
            found = list(executor.map(task, list(range(ITEMS))))
        except LookupError:
            continue
        if found != [item * item for item in range(ITEMS)]:
            fail(f"Used again, '{subject.name}' returns {found}.", "Begin every map() anew.")


def _executor(subject: Subject) -> Executor:
    return cast("Executor", subject.load())
