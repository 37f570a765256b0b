"""What every plugin promises, checked by the conformance kit."""

from __future__ import annotations

import pytest

from visionlaw.testing import BoundCheck, parametrize_with_checks


@pytest.mark.slow
@parametrize_with_checks("visionlaw-mllm")
def test_conformance(check: BoundCheck) -> None:
    check()
