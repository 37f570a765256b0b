"""Every check of visionlaw's conformance kit, on tiny models of all that is listed, and of two that are resolved."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks


@parametrize_with_checks("visionlaw-openclip", "openclip/RN50/openai@224", "openclip/vit-b-16-datacomp@336")
def test_conformance(check: BoundCheck) -> None:
    check()
