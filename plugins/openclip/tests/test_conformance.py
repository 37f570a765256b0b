"""Every check of visionlaw's conformance kit, on tiny models of all that is listed, and of two that are resolved."""

from __future__ import annotations

from visionlaw.testing import BoundCheck, parametrize_with_checks

RESOLVED = "openclip/RN50/openai@224"
UNKNOWN = {
    f"pinned-revision[{RESOLVED}]": "What is neither listed nor known is pinned when it is first used.",
    f"licence[{RESOLVED}]": "open_clip does not tell licences.",
}


@parametrize_with_checks("visionlaw-openclip", RESOLVED, "openclip/vit-b-16-datacomp@336", expected_failures=UNKNOWN)
def test_conformance(check: BoundCheck) -> None:
    check()
