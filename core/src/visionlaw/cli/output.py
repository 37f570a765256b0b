"""What the verbs write: data on stdout, notes and progress on stderr."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 140


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; where the output is no terminal, lines are 140 characters wide."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPED_WIDTH, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """Write ``value`` as JSON; what is not a finite number becomes null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write(text: str = "") -> None:
    """Write a line of plain text to stdout."""
    sys.stdout.write(text + "\n")


def write_table(table: Table) -> None:
    """Print a rich table in full: on a narrow terminal its lines wrap, but no number and no id is cut."""
    screen = console()
    screen.width = max(screen.width, screen.measure(table, options=screen.options.update(width=10_000)).maximum)
    screen.print(table)


def write_columns(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows as aligned columns of plain text, as `ls` does: 50 times faster than a rich table, and greppable."""
    lines = [list(headers), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plural(number: int, noun: str) -> str:
    """Return ``1 encoder`` or ``2 encoders``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Keep what others wrote from moving the cursor, or from filling the screen."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in text)
    return clean if len(clean) <= 2000 else f"{clean[:2000]}…"


def note(text: str) -> None:
    """Write a line to stderr, where it cannot damage piped data."""
    sys.stderr.write(text.rstrip() + "\n")


@contextmanager
def scoring_progress() -> Generator[Callable[[str, int, int], None]]:
    """A bar on stderr, gone when done; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)


def _plain(value: Any) -> Any:
    """Turn arrays, tuples and mappings into what json knows."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
