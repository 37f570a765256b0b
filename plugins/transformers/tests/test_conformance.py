"""The checks of visionlaw's conformance kit on tiny checkpoints: all of them on one encoder of each architecture.

``visionlaw check visionlaw-transformers`` takes all encoders, which differ in names, resolutions and patches alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from visionlaw.testing import BoundCheck, parametrize_with_checks, run_checks
from visionlaw.testing.checks import all_checks
from visionlaw.testing.session import Session, subjects_of

ONE_OF_EACH = (
    "clip/vit-l-14@336",
    "siglip/so400m-14@384",
    "siglip2/base-32@256",
    "dinov2/small@224",
    "dinov2/large-reg@336",
    "dinov3/base@384",
)
STATIC = ("plugin_checks", "spec_checks")


@parametrize_with_checks(*ONE_OF_EACH)
def test_conformance(check: BoundCheck) -> None:
    check()


def test_everything_that_is_listed_is_declared_properly() -> None:
    chosen = [check for check in all_checks() if check.function.__module__.endswith(STATIC)]
    results = list(Session(subjects_of(["visionlaw-transformers"]), chosen=chosen).results())

    assert {result.status for result in results} == {"passed"}


@pytest.mark.parametrize("name", ["vit", "deit", "data2vec", "hf-clip"])
def test_models_that_are_resolved_conform_too(load: Callable[[str], Any], name: str) -> None:
    report = run_checks(load(name).case.id)

    assert not report.failed
    assert report.counts["passed"] > 20
