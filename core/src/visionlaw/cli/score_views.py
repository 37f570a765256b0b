"""How scores and comparisons are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from visionlaw.cli.output import plural, printable, write, write_table
from visionlaw.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from visionlaw.correspondence.statistics import Comparison
    from visionlaw.scoring.correspondence import MeasuringC
    from visionlaw.store import ScoreRow

CORE = "correspondence"
"""The scorer whose details are known; what another one tells is shown where it has the same form."""


def as_json(row: ScoreRow) -> dict[str, Any]:
    """Return a score as JSON values: what it is, its parameters, and what the scorer told along with it.

    Parameters and what was told along stand beside the rest, and never in its place.
    """
    said = {
        "representation": row.representation,
        "scorer": row.scorer,
        "dataset": row.dataset,
        "protocol": row.protocol,
    }
    value = {"value": row.value, "pairs": row.count}
    provenance = {"provenance": {**row.provenance, "dataset_version": row.dataset_version}}
    return {**said, **row.params, **value, **row.extra} | said | value | provenance


def print_scores(rows: Sequence[ScoreRow]) -> None:
    """Print the scores on one data set, ranked, with all averages that the scorer tells."""
    from rich.table import Table

    first = rows[0]
    averages = [
        name for name in ("per_keypoint", "per_category") if all(_is_number(row.extra.get(name)) for row in rows)
    ]
    alphas = [name for name in _figures(first.extra.get("alphas")) if name != f"{first.params.get('alpha')}"]
    intervals = [_interval(row) for row in rows]
    level = _mapping(first.extra.get("intervals")).get("level")
    table = Table()
    table.add_column("", justify="right")
    table.add_column("representation", overflow="fold")
    table.add_column(_measured(first), justify="right")
    if None not in intervals:
        table.add_column(f"{100 * level:g}% interval" if isinstance(level, float) else "interval", justify="right")
    for name in (*(name.replace("_", " ") for name in averages), *(f"C at {name}" for name in alphas)):
        table.add_column(name, justify="right")
    for rank, (row, interval) in enumerate(zip(rows, intervals, strict=True), 1):
        cells = [_figure(row, row.value)]
        if None not in intervals and interval is not None:
            cells.append(" – ".join(_figure(row, end) for end in interval))
        cells += [_figure(row, row.extra[name]) for name in averages]
        at = _figures(row.extra.get("alphas"))
        cells += [_figure(row, at[name][0]) if name in at else "–" for name in alphas]
        table.add_row(str(rank), row.representation, *cells)
    write(_title(first))  # a table's own title is broken to the table's width
    write_table(table)


def _figure(row: ScoreRow, value: float) -> str:
    """Write a figure in the scorer's unit: core's are %, another's may be anything."""
    return f"{value:.1f}" if row.scorer == CORE else f"{value:.4g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _interval(row: ScoreRow) -> tuple[float, float] | None:
    """Return the interval of a score, None where its scorer tells none, or tells it otherwise than core's."""
    match row.extra.get("intervals"):
        case {"value": [int() | float() as low, int() | float() as high]}:
            return low, high
        case _:
            return None


Figures = dict[str, tuple[float, int | None]]


def _figures(told: object) -> Figures:
    """Return name → score and number of pairs, as far as they are told as numbers, or as core tells them."""
    found: Figures = {}
    for name, at in _mapping(told).items():
        match at:
            case bool():
                continue
            case int() | float():
                found[name] = at, None
            case {"value": int() | float() as value}:
                pairs = _mapping(cast("object", at)).get("pairs")
                found[name] = value, pairs if isinstance(pairs, int) else None
            case _:
                continue
    return found


def _mapping(told: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", told) if isinstance(told, Mapping) else {}


def print_breakdown(rows: Sequence[ScoreRow], attribute: str) -> None:
    """Print the scores for each value of an attribute of the pairs.

    Raises:
        DataError: The data set has no such attribute.
    """
    from rich.table import Table

    first = rows[0]
    known = {name: figures for name, figures in _breakdown(first).items() if figures}
    if attribute not in known:
        raise DataError(
            f"The pairs of '{first.dataset}' are not told apart by '{attribute}'.",
            did_you_mean(attribute, known) or f"They are by: {', '.join(known) or 'nothing'}.",
        )
    table = Table()
    table.add_column("representation", overflow="fold")
    for name, (_, pairs) in known[attribute].items():
        heading = printable(name) if pairs is None else f"{printable(name)} ({plural(pairs, 'pair')})"
        table.add_column(heading or "–", justify="right")
    for row in rows:
        figures = _breakdown(row).get(attribute, {})
        cells = [_figure(row, figures[name][0]) if name in figures else "–" for name in known[attribute]]
        table.add_row(row.representation, *cells)
    write(f"{_measured(first)} by {printable(attribute)} on {first.dataset}")
    write_table(table)


def _breakdown(row: ScoreRow) -> dict[str, Figures]:
    """Return the scores by attribute and value."""
    by_attribute = {name: _figures(values) for name, values in _mapping(row.extra.get("breakdown")).items()}
    categories = _figures(row.extra.get("categories"))
    return {"category": categories} | by_attribute | ({"category": categories} if categories else {})


def comparison_as_json(names: tuple[str, str], measuring: MeasuringC, pairs: int, found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    from dataclasses import asdict

    values = asdict(found)
    return {
        "a": names[0],
        "b": names[1],
        "dataset": measuring.measurement.dataset,
        "dataset_version": measuring.measurement.dataset_version,
        "protocol": measuring.scorer.protocol,
        **measuring.scorer.parameters,
        "pairs": pairs,
        "a_value": values.pop("first"),
        "b_value": values.pop("second"),
        **values,
    }


def print_comparison(names: tuple[str, str], measuring: MeasuringC, pairs: int, found: Comparison) -> None:
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


def _measured(row: ScoreRow) -> str:
    return "C %" if row.scorer == CORE else row.scorer


def _title(row: ScoreRow) -> str:
    said = [f"{'C' if row.scorer == CORE else row.scorer} on {row.dataset}: {plural(row.count, 'pair')}"]
    if _is_number(row.extra.get("keypoints")):
        said.append(plural(row.extra["keypoints"], "keypoint"))
    said.append(row.protocol)
    names = {"alpha": "α"}
    said += [
        f"{names.get(name, name)} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in row.params.items()
    ]
    return ", ".join(said)
