"""Every check of visionlaw's conformance kit, on tiny pipelines of everything that is listed."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks


@parametrize_with_checks("visionlaw-diffusers")
def test_conformance(check: BoundCheck) -> None:
    check()
