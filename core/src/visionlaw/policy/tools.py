"""Which tool measured a result: what different tools say of one benchmark is not compared in one law."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from visionlaw.errors import StudyError
from visionlaw.policy.results import TOOLS
from visionlaw.store.studies import History, ResultRow

_NUMBER = re.compile(r"\s*v?(\d+)(?:\.(\d+)\S*)?(?=[\s,]|$)")


@dataclass(frozen=True)
class Tool:
    """A tool in a version that measures alike.

    Attributes:
        name: In lower case.
        series: The major version; below 1, where every minor version may change all, that: ``0.7``. None: not known.
    """

    name: str
    series: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.series}" if self.series else f"{self.name} of unknown version"


def tool_of(source: str, version: str) -> Tool | None:
    """Return the tool that a source of results names, or None when it names none.

    A source is a tool when it begins with the name of one whose files can be read, or is a single word. No source, and
    a sentence such as ``Anna's table``, name none: what was told so goes with everything.
    """
    text = source.strip().casefold().replace("_", "-")
    for name in TOOLS:
        if text.startswith(name):
            return Tool(name, series_of(version or text.removeprefix(name)))
    return Tool(text, series_of(version)) if text and not re.search(r"\s", text) else None


def series_of(version: str) -> str | None:
    """Return what must agree for two versions to measure alike: ``2`` of 2.4.1, ``0.7`` of 0.7.3; None if not told."""
    number = _NUMBER.match(version)
    if number is None:
        return None
    return f"0.{number[2]}" if number[1] == "0" and number[2] else number[1]


def stated_version(stated: str, found: str, tool: str) -> str:
    """Return a version as a user states it, with what the tool's file says of it behind.

    Raises:
        StudyError: The two contradict each other.
    """
    known = series_of(found)
    if stated and known and series_of(stated) != known:
        raise StudyError(
            f"'--source-version' says {stated}, but the file is one of {tool} {known}.", "Leave it out, or mend it."
        )
    if stated and found:
        return found.replace(known, stated, 1) if known else f"{stated} ({found})"
    return stated or found


def check_tools(history: History, representation: str, rows: Mapping[str, ResultRow]) -> None:
    """Refuse results of another tool, or of another major version of it, than the benchmark's other results have.

    Versions that are not known go together, but not with a known one. The representation's own results don't count:
    they are being replaced.

    Raises:
        StudyError: The law would mix tools.
    """
    for benchmark, row in rows.items():
        now = tool_of(row.source, row.source_version)
        if now is None:
            continue
        for other, results in history.results.items():
            before = None
            if other != representation and benchmark in results:
                before = tool_of(results[benchmark].source, results[benchmark].source_version)
            if before is None or before == now:
                continue
            version = "Say the version with '--source-version', or measure" if before.name == now.name else "Measure"
            raise StudyError(
                f"'{benchmark}' of '{other}' was measured by {before}, that of '{representation}' by {now}: "
                "one law would mix them.",
                f"{version} both alike; '--force' tells it all the same.",
            )
