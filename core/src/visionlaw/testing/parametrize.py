"""Checks as the cases of one pytest test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visionlaw.errors import MissingDependencyError
from visionlaw.testing.checks import Check, CheckFailed
from visionlaw.testing.session import Result, Session, subjects_of
from visionlaw.testing.subjects import Subject

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class BoundCheck:
    """A check and what it checks: call it.

    Attributes:
        subject: What is checked.
        check: By what.
        session: Knows what has run already.
    """

    subject: Subject
    check: Check
    session: Session

    @property
    def label(self) -> str:
        """``grid-order[acme/net@224]``."""
        return f"{self.check.name}[{self.subject.name}]"

    def run(self) -> Result:
        """Run it, after those that it builds on, and return the result."""
        return self.session.run(self.subject, self.check)

    def __call__(self) -> None:
        """Run it as a test.

        Raises:
            CheckFailed: It failed.
            pytest.skip.Exception: It was skipped; the reason says why.
        """
        import pytest

        result = self.run()
        if result.status == "skipped":
            pytest.skip(result.message)
        if result.status == "expected":
            pytest.xfail(result.message)
        if result.status == "failed":
            raise CheckFailed(result.message, result.remedy)


def parametrize_with_checks(
    *names: str, expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator | Callable[..., Any]:
    """Decorate a test that calls its argument ``check``: it runs once per check of what the names stand for.

    Args:
        *names: Distributions, entry points' names, or ids that are installed.
        expected_failures: Check, or ``check[subject]`` → the reason why it fails. One that passes after all fails.

    Raises:
        MissingDependencyError: pytest is not installed.
        UnknownIdError: Nothing installed has that name.
        ConfigError: An expected failure has no reason, or nothing is called so.
    """
    try:
        import pytest
    except ImportError as error:
        raise MissingDependencyError(
            "The checks become tests of pytest, which is not installed.", "python -m pip install 'visionlaw[testing]'"
        ) from error
    session = Session(subjects_of(names), expected_failures or {})
    cases = [BoundCheck(subject, check, session) for subject, check in session.planned()]
    return pytest.mark.parametrize("check", [pytest.param(case, id=case.label) for case in cases])
