"""Each fault of an image source is found by exactly the check that is meant for it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visionlaw.specs import Spec
from visionlaw.testing import all_checks

if TYPE_CHECKING:
    from tests.testing import faulty_image_sources

    from visionlaw.testing.session import Result
else:
    # Tests are no package: it is imported by its path, under a name that targets can use.
    _spec = importlib.util.spec_from_file_location(
        "faulty_image_sources", Path(__file__).with_name("faulty_image_sources.py")
    )
    faulty_image_sources = importlib.util.module_from_spec(_spec)
    sys.modules["faulty_image_sources"] = faulty_image_sources
    _spec.loader.exec_module(faulty_image_sources)

FAULTS = [(check, cls) for check, classes in faulty_image_sources.FAULTS.items() for cls in classes]
HOMES = ("visionlaw.testing.collection_checks", "visionlaw.testing.image_source_checks")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process of its own import the image sources, as it imports an installed plugin."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.parametrize(("check", "cls"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_is_found_by_its_own_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(faulty_image_sources.spec_of(cls)) == {check}


@pytest.mark.parametrize("cls", [faulty_image_sources.FromFolder, faulty_image_sources.ByPlace])
def test_a_good_one_passes_them_all(cls: type, results_of: Callable[[Spec], dict[str, Result]]) -> None:
    results = results_of(faulty_image_sources.spec_of(cls))
    assert {name: result.message for name, result in results.items() if result.status == "failed"} == {}
    assert {name for name, result in results.items() if result.status == "skipped"} <= {"indexed"}


def test_every_check_of_image_sources_has_a_fault() -> None:
    named = {
        check.name for check in all_checks() if "image_source" in check.kinds and check.function.__module__ in HOMES
    }
    assert named == set(faulty_image_sources.FAULTS)
