"""Checks of a plugin as a whole: its metadata, its import, its hooks.

The loader has met most faults already, and says what each is about.
"""

from __future__ import annotations

from visionlaw.plugins import Fault
from visionlaw.testing.checks import check, fail
from visionlaw.testing.subjects import Subject


def _without(subject: Subject, *faults: Fault) -> None:
    """Fail where the loader has noted a problem of these kinds."""
    problems = [problem for problem in subject.plugin.problems if problem.fault in faults]
    if problems:
        fail(" ".join(p.reason for p in problems), " ".join(dict.fromkeys(p.remedy for p in problems)))


@check("imports", "plugin")
def imports(subject: Subject) -> None:
    """The module that the entry point names can be imported."""
    _without(subject, "import")


@check("hooks", "plugin", needs=("imports",))
def hooks(subject: Subject) -> None:
    """Every function named like a hook is one, is marked as one, and takes what the hook takes."""
    _without(subject, "hooks")
