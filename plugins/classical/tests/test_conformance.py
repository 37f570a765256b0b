"""Every check of visionlaw's conformance kit, on everything that is listed; nothing of it has weights."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks


@parametrize_with_checks("visionlaw-classical")
def test_conformance(check: BoundCheck) -> None:
    check()
