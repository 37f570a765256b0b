"""What core itself provides passes every check, without an expected failure."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks


@parametrize_with_checks("visionlaw")
def test_conformance(check: BoundCheck) -> None:
    check()
