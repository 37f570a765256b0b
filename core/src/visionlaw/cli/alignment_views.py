"""How scores of A are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from visionlaw.cli.output import plural, write, write_table

if TYPE_CHECKING:
    from visionlaw.specs import ScorerSpec
    from visionlaw.store import ScoreRow


def as_json(row: ScoreRow) -> dict[str, Any]:
    """Return a score as JSON values; what the scorer told along stands beside the rest, never in its place."""
    said = {
        "representation": row.representation,
        "benchmark": row.benchmark,
        "scorer": row.scorer,
        "dataset": row.dataset,
        "protocol": row.protocol,
    }
    value = {"value": row.value, "interval": interval_of(row), "count": row.count}
    provenance = {"provenance": {**row.provenance, "dataset_version": row.dataset_version}}
    return {**said, **row.params, **value, **row.extra} | said | value | provenance


def interval_of(row: ScoreRow) -> tuple[float, float] | None:
    """Return the 95% interval of a score; None where its scorer tells none."""
    match row.extra.get("interval"):
        case [int() | float() as low, int() | float() as high]:
            return low, high
        case _:
            return None


def print_alignment(rows: Sequence[ScoreRow], spec: ScorerSpec) -> None:
    """Print the scores on one benchmark's images, ranked, with their intervals."""
    from rich.table import Table

    first = rows[0]
    intervals = [interval_of(row) for row in rows]
    table = Table()
    table.add_column("", justify="right")
    table.add_column("representation", overflow="fold")
    table.add_column(spec.measures, justify="right")
    if any(intervals):
        table.add_column("95% interval", justify="right")
    for rank, (row, interval) in enumerate(zip(rows, intervals, strict=True), 1):
        cells = [f"{row.value:.4f}"]
        if any(intervals):
            cells.append("–" if interval is None else " – ".join(f"{end:.4f}" for end in interval))
        table.add_row(str(rank), row.representation, *cells)
    where = f" for {first.benchmark}" if first.benchmark else ""
    said = [f"{first.scorer}{where} on {first.dataset}: {plural(first.count, 'image')}"]
    said += [f"{name} = {value}" for name, value in first.params.items() if name != "images"]
    write(", ".join(said))
    write_table(table)
