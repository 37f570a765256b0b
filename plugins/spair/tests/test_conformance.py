"""What every plugin promises, checked by the conformance kit."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks


@parametrize_with_checks("visionlaw-spair")
def test_conformance(check: BoundCheck) -> None:
    check()
