"""Results of VLMEvalKit: one CSV file for each model and data set.

``<work dir>/<model>/<run>/<model>_<data set>_acc.csv`` holds accuracies, ``…_score.csv`` sums of points, such as MME's;
the run is ``T<date>_G<commit>``, or ``T<date>-<time>`` beside a ``status.json`` that has the commit. A table has a row
for each split where there are several. Choices are fractions of 1 (MMBench), answers in words are % (TextVQA).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.policy.results.tasks import TaskResult

PATTERNS = ("*_acc.csv", "*_score.csv")

_RUN = re.compile(r"T(\d{8})(?:-(\d{6}))?(?:_G([0-9a-fA-F]+))?")
_SUFFIX = re.compile(r"_(acc|score)\.csv$")


def read(file: Path) -> Iterator[TaskResult]:
    """Yield the result of the data set that a table is about.

    Raises:
        DataError: The file cannot be read, or is none of VLMEvalKit's tables.
    """
    if not _SUFFIX.search(file.name):
        raise DataError(
            f"'{file}' is not a results file of VLMEvalKit.",
            f"Results are in {' and '.join(PATTERNS)}; predictions and judgements are beside them.",
        )
    folder = file.resolve().parent  # that of the run, also where the file is a link
    run = _RUN.fullmatch(folder.name)
    model = (folder.parent if run else folder).name
    stem = _SUFFIX.sub("", file.name)
    task = stem.removeprefix(f"{model}_")
    yield TaskResult(
        task=task,
        metrics=_metrics(file),
        file=file,
        when=_when(run, file),
        model=model if task != stem else "",
        version=_version(run, folder),
    )


def _metrics(file: Path) -> dict[str, float]:
    """Return the numbers of a table by column, behind what the row is called where it has a name."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error.strerror}.", "Give another file or folder.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"'{file}' is not a CSV table: {error}.", "Evaluate again, or give another file.") from error
    if not rows:
        raise DataError(f"'{file}' has no results.", "Evaluate again, or give another file or folder.")
    metrics: dict[str, float] = {}
    for row in rows:
        if None in row or None in row.values():
            raise DataError(
                f"'{file}' is cut off or broken: a row has not one cell for each column.", "Evaluate again."
            )
        numbers = {column: _number(cell) for column, cell in row.items() if column.strip() and cell.strip()}
        name = "/".join(row[column].strip() for column, number in numbers.items() if number is None)
        for column, number in numbers.items():
            metric = column if name in ("", "none") else f"{name}/{column}"
            if number is None:
                continue
            if metric in metrics:
                raise DataError(f"'{file}' has two rows of '{metric}'.", "Evaluate again, or tell the value by hand.")
            metrics[metric] = number
    return metrics


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _when(run: re.Match[str] | None, file: Path) -> datetime:
    """Return when a table was made: its run's time, the older layout's day, or when the file was last written."""
    written = datetime.fromtimestamp(file.stat().st_mtime)
    if run is None:
        return written
    try:
        # A day alone says nothing of the order of its files; the time of writing does.
        time = run[2] or written.strftime("%H%M%S")
        return datetime.strptime(f"{run[1]}{time}", "%Y%m%d%H%M%S")
    except ValueError:
        return written


def _version(run: re.Match[str] | None, folder: Path) -> str:
    commit = run[3] if run else None
    if run and not commit:
        try:
            commit = json.loads((folder / "status.json").read_text(encoding="utf-8")).get("commit")
        except (OSError, ValueError, AttributeError):
            commit = None
    return f"git {commit}" if commit else ""
