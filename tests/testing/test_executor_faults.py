"""Each fault of an executor is found by exactly the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest

from visionlaw.specs import ExecutorSpec, Spec

FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


class Good:
    """Four threads."""

    def __init__(self, spec: ExecutorSpec) -> None: ...

    def map(self, task: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        with ThreadPoolExecutor(4) as pool:
            yield from self.results([pool.submit(task, item) for item in items])

    def results(self, running: list[Any]) -> Iterator[Any]:
        return (one.result() for one in running)


@fault("executor-protocol")
class WithoutMap:
    def __init__(self, spec: ExecutorSpec) -> None: ...


@fault("executor-once")
class LosesTheLast(Good):
    def results(self, running: list[Any]) -> Iterator[Any]:
        return super().results(running[: -len(running) // 8 or None])


@fault("executor-order")
class AsTheyComplete(Good):
    def results(self, running: list[Any]) -> Iterator[Any]:
        return (one.result() for one in as_completed(running))


@fault("executor-empty")
class TakesTheFirst(Good):
    def results(self, running: list[Any]) -> Iterator[Any]:
        yield running[0].result()
        yield from super().results(running[1:])


@fault("executor-lazy")
class AsksHowMany(Good):
    def map(self, task: Callable[[Any], Any], items: Any) -> Iterator[Any]:
        return super().map(task, [items[number] for number in range(len(items))])


@fault("executor-lazy")
class GoesThroughTwice(Good):
    def map(self, task: Callable[[Any], Any], items: Any) -> Iterator[Any]:
        count = sum(1 for _ in items)
        return super().map(task, list(items)[:count])


@fault("executor-errors")
class Swallows(Good):
    def results(self, running: list[Any]) -> Iterator[Any]:
        return (one.result() for one in running if one.exception() is None)


@fault("executor-errors")
class Wraps(Good):
    def results(self, running: list[Any]) -> Iterator[Any]:
        try:
            yield from super().results(running)
        except LookupError as error:
            raise RuntimeError("a worker died") from error


@fault("executor-again")
class BreaksForGood(Good):
    broken = False

    def map(self, task: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        if self.broken:
            return
        try:
            yield from super().map(task, items)
        except LookupError:
            self.broken = True
            raise


def spec_of(cls: type) -> ExecutorSpec:
    return ExecutorSpec(id="faulty", target=f"{__name__}:{cls.__name__}", description="Threads.")


def test_a_good_one_passes_every_check(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    results = results_of(spec_of(Good))
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}


@pytest.mark.parametrize(
    ("check", "cls"), [(check, cls) for check, classes in FAULTS.items() for cls in classes], ids=lambda v: str(v)
)
def test_each_fault_is_found_by_its_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(spec_of(cls)) == {check}


def test_no_check_is_without_a_fault() -> None:
    from visionlaw.testing.checks import all_checks

    assert {check.name for check in all_checks() if check.kinds == ("executor",)} == set(FAULTS)
