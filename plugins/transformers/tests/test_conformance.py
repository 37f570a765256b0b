"""Every check of visionlaw's conformance kit, on tiny checkpoints of everything that is listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from visionlaw.testing import BoundCheck, parametrize_with_checks, run_checks


@parametrize_with_checks("visionlaw-transformers")
def test_conformance(check: BoundCheck) -> None:
    check()


@pytest.mark.parametrize("name", ["vit", "deit", "data2vec", "hf-clip"])
def test_models_that_are_resolved_conform_too(load: Callable[[str], Any], name: str) -> None:
    report = run_checks(load(name).case.id)

    assert not report.failed
    assert report.counts["passed"] > 0
