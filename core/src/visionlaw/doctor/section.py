"""What a section of the report says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """A problem.

    Attributes:
        message: What is wrong, in one sentence that names the thing.
        remedy: What to do about it.
    """

    message: str
    remedy: str


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes:
        facts: What it has found, as JSON values, for scripts.
        rows: The same for people: cells, which are aligned as columns.
        findings: What is wrong.
    """

    facts: Any
    rows: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...] = ()


def size_text(size: int) -> str:
    """Return bytes for people: ``1.2 GB``."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {unit}"
    return f"{size} B"
