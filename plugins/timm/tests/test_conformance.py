"""Every check of visionlaw's conformance kit, on tiny models of everything that is listed, and of one that is not."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks


@parametrize_with_checks("visionlaw-timm", "timm/test_vit.r160_in1k@160", "timm/vit_tiny_patch16_224.augreg_in21k@240")
def test_conformance(check: BoundCheck) -> None:
    check()
