"""Each fault of a data set is found by exactly the check that is meant for it."""

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
    from tests.testing import faulty_datasets

    from visionlaw.testing.session import Result
else:
    # Tests are no package: it is imported by its path, under a name that targets can use.
    _spec = importlib.util.spec_from_file_location("faulty_datasets", Path(__file__).with_name("faulty_datasets.py"))
    faulty_datasets = importlib.util.module_from_spec(_spec)
    sys.modules["faulty_datasets"] = faulty_datasets
    _spec.loader.exec_module(faulty_datasets)

FAULTS = [(check, cls) for check, classes in faulty_datasets.FAULTS.items() for cls in classes]
HOMES = ("visionlaw.testing.collection_checks", "visionlaw.testing.dataset_checks")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process of its own import the data sets, as it imports an installed plugin."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.parametrize(("check", "cls"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_is_found_by_its_own_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(faulty_datasets.spec_of(cls)) == {check}


@pytest.mark.parametrize("cls", [faulty_datasets.Good, faulty_datasets.FromFolder])
def test_a_good_data_set_passes_them_all(cls: type, results_of: Callable[[Spec], dict[str, Result]]) -> None:
    results = results_of(faulty_datasets.spec_of(cls))
    assert {name: result.message for name, result in results.items() if result.status != "passed"} == {}


def test_every_check_of_data_sets_has_a_fault() -> None:
    named = {check.name for check in all_checks() if "dataset" in check.kinds and check.function.__module__ in HOMES}
    assert named == set(faulty_datasets.FAULTS)
