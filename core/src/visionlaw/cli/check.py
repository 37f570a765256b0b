"""The verb ``check``: is a plugin right?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import note, plural, print_json, printable, scoring_progress, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visionlaw.testing.session import Report, Result


def check(
    names: Annotated[
        list[str],
        typer.Argument(metavar="DIST_OR_ID", help="A distribution, a plugin, or an id that is installed; several."),
    ],
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK=REASON", help="A check that fails, and why; also CHECK[ID]=REASON. Repeatable."),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a plugin: its metadata, its import, and all that it provides, on tiny weights and offline.

    Exit code 2 where a check fails. Nothing is downloaded and no real weights are loaded.

    Example: visionlaw check visionlaw-classical
    """
    from dataclasses import asdict

    from visionlaw.testing.session import Report, Session, subjects_of

    session = Session(subjects_of(names, project(space).registry), _expected(expect or ()))
    results: list[Result] = []
    planned = [subject.name for subject, _ in session.planned()]
    with scoring_progress() as report:
        for result in session.results():
            results.append(result)
            report(planned[min(len(results), len(planned) - 1)], len(results), len(planned))
            if not as_json and result.status in ("failed", "expected"):
                _print_result(result)
    found = Report(tuple(results))
    if as_json:
        print_json({"counts": found.counts, "results": [asdict(result) for result in results]})
    else:
        _print_skipped(found)
        _print_counts(found)
    if found.failed:
        raise typer.Exit(2)


def _expected(texts: Sequence[str]) -> dict[str, str]:
    from visionlaw.errors import ConfigError

    found: dict[str, str] = {}
    for text in texts:
        # An id may hold '=' among its options; what follows the bracket is the reason.
        head, bracket, tail = text.partition("]") if "[" in text.partition("=")[0] else text.partition("=")
        name, reason = (head + bracket, tail.removeprefix("=")) if bracket == "]" else (head, tail)
        if not reason.strip():
            raise ConfigError(f"--expect '{text}' gives no reason.", "Write CHECK=REASON, or CHECK[ID]=REASON.")
        found[name.strip()] = reason.strip()
    return found


def _print_result(result: Result) -> None:
    write(printable(f"{result.status:<8} {result.label}: {result.message}"))
    if result.remedy and result.status == "failed":
        write(printable(f"         → {result.remedy}"))


def _print_skipped(report: Report) -> None:
    """Tell once what was skipped for one reason, however many subjects that concerns."""
    from collections import Counter

    skipped = [result for result in report.results if result.status == "skipped"]
    subjects = {(result.check, result.message): result.subject for result in reversed(skipped)}
    for key, count in Counter((result.check, result.message) for result in skipped).items():
        name, reason = key
        others = f" and {count - 1} more" if count > 1 else ""
        note(printable(f"skipped  {name}[{subjects[key]}]{others}: {reason}"))


def _print_counts(report: Report) -> None:
    counts = report.counts
    ran = sum(counts.values()) - counts["skipped"]
    of = len({(result.kind, result.subject) for result in report.results})
    write(
        f"{ran} checks of {plural(of, 'thing')} ran: {counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['expected']} were expected to fail; {counts['skipped']} were skipped."
    )
