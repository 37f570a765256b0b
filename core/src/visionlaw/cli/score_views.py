"""How scores and comparisons are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from visionlaw.cli.output import plural, printable, write, write_table
from visionlaw.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from visionlaw.correspondence.statistics import Comparison
    from visionlaw.scoring.measuring import Measuring
    from visionlaw.store import ScoreRow


def as_json(row: ScoreRow) -> dict[str, Any]:
    """Return a score as JSON values: what it is, its parameters, and what the scorer told along with it."""
    return {
        "representation": row.representation,
        "scorer": row.scorer,
        "dataset": row.dataset,
        "protocol": row.protocol,
        **row.params,
        "value": row.value,
        "pairs": row.count,
        **row.extra,
        "provenance": {**row.provenance, "dataset_version": row.dataset_version},
    }


def print_scores(rows: Sequence[ScoreRow]) -> None:
    """Print the scores on one data set, ranked, with all averages that the scorer tells."""
    from rich.table import Table

    first = rows[0]
    alphas = [name for name in first.extra.get("alphas", {}) if float(name) != first.params.get("alpha")]
    table = Table(title=_title(first), title_justify="left")
    table.add_column("", justify="right")
    table.add_column("representation", overflow="fold")
    table.add_column("C %" if first.scorer == "correspondence" else first.scorer, justify="right")
    averages = [name for name in ("per_keypoint", "per_category") if name in first.extra]
    intervals = "value" in first.extra.get("intervals", {})
    if intervals:
        table.add_column(f"{100 * first.extra['intervals']['level']:g}% interval", justify="right")
    for name in (*(name.replace("_", " ") for name in averages), *(f"C at {name}" for name in alphas)):
        table.add_column(name, justify="right")
    for rank, row in enumerate(rows, 1):
        cells = [f"{row.value:.1f}"]
        if intervals:
            low, high = row.extra["intervals"]["value"]
            cells.append(f"{low:.1f} – {high:.1f}")
        cells += [f"{row.extra[name]:.1f}" for name in averages]
        cells += [f"{row.extra['alphas'][name]['value']:.1f}" for name in alphas]
        table.add_row(str(rank), row.representation, *cells)
    write_table(table)


def print_breakdown(rows: Sequence[ScoreRow], attribute: str) -> None:
    """Print the scores for each value of an attribute of the pairs.

    Raises:
        DataError: The data set has no such attribute.
    """
    from rich.table import Table

    first = rows[0]
    breakdown = first.extra.get("breakdown", {})
    known = ["category", *breakdown] if "categories" in first.extra else list(breakdown)
    if attribute not in known:
        raise DataError(
            f"The pairs of '{first.dataset}' are not told apart by '{attribute}'.",
            did_you_mean(attribute, known) or f"They are by: {', '.join(known) or 'nothing'}.",
        )
    table = Table(title=f"C % by {printable(attribute)} on {first.dataset}", title_justify="left")
    table.add_column("representation", overflow="fold")
    for name, pairs in _values(first, attribute).items():
        heading = printable(name) if pairs[1] is None else f"{printable(name)} ({plural(pairs[1], 'pair')})"
        table.add_column(heading or "–", justify="right")
    for row in rows:
        table.add_row(row.representation, *(f"{value:.1f}" for value, _ in _values(row, attribute).values()))
    write_table(table)


def _values(row: ScoreRow, attribute: str) -> dict[str, tuple[float, int | None]]:
    if attribute == "category":
        return {name: (value, None) for name, value in row.extra["categories"].items()}
    return {name: (found["value"], found["pairs"]) for name, found in row.extra["breakdown"][attribute].items()}


def comparison_as_json(names: tuple[str, str], measuring: Measuring, pairs: int, found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    from dataclasses import asdict

    return {
        "a": names[0],
        "b": names[1],
        "dataset": measuring.measurement.dataset,
        "dataset_version": measuring.measurement.dataset_version,
        "protocol": measuring.scorer.protocol,
        **measuring.scorer.parameters,
        "pairs": pairs,
        **asdict(found),
    }


def print_comparison(names: tuple[str, str], measuring: Measuring, pairs: int, found: Comparison) -> None:
    """Print which of two representations is better, and whether the pairs suffice to say so."""
    from visionlaw.correspondence.bootstrap import LEVEL

    low, high = found.interval
    write(f"C on {measuring.measurement.dataset}, {measuring.scorer.protocol}, α = {found.alpha:g}")
    for letter, name, value in zip("AB", names, (found.first, found.second), strict=True):
        write(f"  {letter}  {value:5.1f} %  {name}")
    write(f"A − B = {found.difference:+.2f} points, 95% interval {low:+.2f} to {high:+.2f}")
    write(f"{_p(found.p)} by bootstrap over {plural(pairs, 'pair')}")
    one, other = found.keypoints.first_only, found.keypoints.second_only
    write(f"Keypoints that only A finds: {one}; only B: {other}; McNemar's exact {_p(found.keypoints.p)}")
    # Few pairs that agree leave 0 out of the interval; p knows that they prove nothing.
    if low <= 0 <= high or found.p >= 1 - LEVEL:
        write("These pairs do not tell the two apart: a difference of this size is noise here.")
    else:
        write(f"{names[0] if found.difference > 0 else names[1]} is better on these pairs by more than chance.")


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _title(row: ScoreRow) -> str:
    said = [f"C on {row.dataset}: {plural(row.count, 'pair')}"]
    if "keypoints" in row.extra:
        said.append(plural(row.extra["keypoints"], "keypoint"))
    said.append(row.protocol)
    names = {"alpha": "α"}
    said += [
        f"{names.get(name, name)} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in row.params.items()
    ]
    return ", ".join(said)
