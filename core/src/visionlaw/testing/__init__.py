"""The conformance kit: named checks that tell whether a plugin is right, before its users do.

``visionlaw check visionlaw-acme`` runs them; in the plugin's own tests::

    from visionlaw.testing import parametrize_with_checks

    @parametrize_with_checks("visionlaw-acme")
    def test_conformance(check):
        check()

Checks are offline and need no real weights: a spec with a checkpoint names a ``tiny`` factory
(:attr:`visionlaw.specs.Spec.tiny`) that writes random ones.
"""

from __future__ import annotations

from visionlaw.testing.checks import Check, CheckFailed, CheckSkipped, all_checks
from visionlaw.testing.parametrize import BoundCheck, parametrize_with_checks
from visionlaw.testing.random_weights import random_module
from visionlaw.testing.session import Report, Result, run_checks

__all__ = [
    "BoundCheck",
    "Check",
    "CheckFailed",
    "CheckSkipped",
    "Report",
    "Result",
    "all_checks",
    "parametrize_with_checks",
    "random_module",
    "run_checks",
]
