"""What pytest says of conformance checks: how many ran, passed, failed, were skipped and were expected to fail.

pytest loads this wherever visionlaw is installed, so it imports nothing of it before a check has run.
"""

from __future__ import annotations

from typing import Any

PROPERTY = "visionlaw-check"
_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "error": "failed",
    "xfailed": "expected to fail",
    "skipped": "skipped",
}


def pytest_runtest_setup(item: Any) -> None:
    """Mark a test that runs a check."""
    callspec = getattr(item, "callspec", None)
    for value in callspec.params.values() if callspec is not None else ():
        if type(value).__module__ == "visionlaw.testing.parametrize":
            item.user_properties.append((PROPERTY, value.label))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the checks; skipping cannot pass for passing."""
    counts = dict.fromkeys(_WORDS.values(), 0)
    for outcome, word in _WORDS.items():
        reports = terminalreporter.stats.get(outcome, ())
        counts[word] += sum(PROPERTY in dict(getattr(report, "user_properties", ())) for report in reports)
    if any(counts.values()):
        ran = sum(counts.values()) - counts["skipped"]
        told = ", ".join(f"{count} {word}" for word, count in counts.items())
        terminalreporter.write_sep("-", "visionlaw conformance checks")
        terminalreporter.write_line(f"{ran} ran: {told}")
