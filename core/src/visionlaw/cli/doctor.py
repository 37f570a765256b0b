"""The verb ``doctor``: a report to paste into an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import console, print_json, printable, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visionlaw.doctor.report import Report


def doctor(space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Examine everything that visionlaw stands on, and write a report to paste into an issue.

    Machine, versions, plugins, weights, feature cache, results, registry.toml, GPU, disks, environment: each plugin is
    imported in a process of its own, so that even one that crashes Python is named. Nothing is changed or fetched;
    secrets, passwords and the home folder are left out of the report.

    Example: visionlaw doctor
    """
    from visionlaw.doctor.report import examine

    with console(stderr=True).status("Examining…"):
        report = examine(project(space))
    if as_json:
        print_json(_facts(report))
    else:
        _print_report(report)


def _facts(report: Report) -> dict[str, Any]:
    problems = [
        {"section": name, "message": finding.message, "remedy": finding.remedy} for name, finding in report.problems
    ]
    return {name: section.facts for name, section in report.sections.items()} | {"problems": problems}


def _print_report(report: Report) -> None:
    """Write it so that it can be read on a terminal and is well-formed Markdown."""
    for name, section in report.sections.items():
        write(f"## {name}")
        _print_rows(section.rows)
        write()
    write("## problems")
    for name, finding in report.problems:
        write(f"- {name}: {printable(finding.message)}")
        if finding.remedy:
            write(f"  → {printable(finding.remedy)}")
    if not report.problems:
        write("All well.")


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    lines = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(line[column]) for line in lines if column < len(line)) for column in range(max(map(len, lines)))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        write(f"    {'  '.join(cells)}".rstrip())
