"""Seeded faults: a spec with one thing wrong, and which checks find it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import pytest

from visionlaw.plugins import Plugin, builtin_plugin
from visionlaw.registry import Registry
from visionlaw.specs import Spec
from visionlaw.testing.session import Result, Session
from visionlaw.testing.subjects import Subject


@pytest.fixture
def results_of() -> Callable[[Spec], dict[str, Result]]:
    """Return a function that runs every check of a spec, as if a plugin listed it, and returns the results by check.

    The spec's target is the test module's own: ``target=f"{__name__}:Name"``.
    """

    def run(spec: Spec) -> dict[str, Result]:
        entry_point = metadata.EntryPoint(spec.prefix, "faulty", "visionlaw.v1")
        plugin = Plugin(spec.prefix, "visionlaw-faulty", "1.0", entry_point, specs=[spec])
        session = Session([Subject(plugin, Registry([builtin_plugin(), plugin]), spec)])
        return {result.check: result for result in session.results()}

    return run


@pytest.fixture
def failing(results_of: Callable[[Spec], dict[str, Result]]) -> Callable[[Spec], set[str]]:
    """Return a function that returns the names of the checks that a spec fails."""
    return lambda spec: {name for name, result in results_of(spec).items() if result.status == "failed"}
