"""What the verbs of the law print of models compared, and of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visionlaw.cli.output import plural, write, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCORE_NOTE = (
    "log score: mean log density of each left-out result, in standard deviations of its benchmark; higher is better.\n"
    "within 80%, 95%: how many left-out results lie in the model's interval of that level."
)
NOTHING = "No law beats the mean here: of settings not seen, A and C tell nothing that these settings can show."
BEYOND = "! no finished settings surround the point: the law extrapolates, and the interval may be too narrow."


def print_choice(title: str, choice: Mapping[str, Any]) -> None:
    """Print the models, best first, what was refused, and the check where there is one."""
    from rich.table import Table

    kinds = list(choice["models"][0]["loo_r2"])
    table = Table(title=f"{title}: each setting left out in turn, on all benchmarks at once", title_justify="left")
    table.add_column("model")
    for column in (*(f"{kind}\nloo R²" for kind in kinds), "log score", "within\n80%", "within\n95%"):
        table.add_column(column, justify="right")
    for model in choice["models"]:
        table.add_row(model["name"], *_cells(model, kinds))
    checked = choice.get("checked")
    if checked:
        table.add_section()
        table.add_row("chosen without the setting", *_cells(checked, kinds))
    write_table(table)
    write(SCORE_NOTE)
    write(f"chosen: {choice['chosen']}")
    if choice["chosen"] == "mean alone":
        write(NOTHING)
    if checked:
        _print_check(checked)
    for name, reason in choice["refused"].items():
        write(f"not compared: {name}. {reason}")


def _print_check(checked: Mapping[str, Any]) -> None:
    picks = list(checked["picks"].values())
    counts = ", ".join(f"{name} {picks.count(name)} times" for name in dict.fromkeys(picks))
    write(f"chosen without each setting in turn: {counts}")
    held = ", ".join(f"{_share(counts)} at {float(level):.0%}" for level, counts in checked["coverage_widened"].items())
    write(f"with half widths corrected by the left-out errors of the other settings: {held}")


def _cells(model: Mapping[str, Any], kinds: Sequence[str]) -> list[str]:
    r2 = [f"{model['loo_r2'][kind]:.3f}" for kind in kinds]
    return [*r2, f"{model['log_score']:.3f}", *(_share(counts) for counts in model["coverage"].values())]


def _share(counts: Sequence[int]) -> str:
    held, total = counts
    return f"{held}/{total}"


def print_outlook(title: str, outlook: Mapping[str, Any]) -> None:
    """Print predictions, one row per setting and benchmark."""
    from rich.table import Table

    of = f"{outlook['model']}, fitted to {plural(outlook['settings'], 'setting')}"
    table = Table(title=f"{title}: {of}", title_justify="left")
    named = any(row["setting"] is not None for row in outlook["predictions"])
    for column in (*(("setting",) if named else ()), "benchmark"):
        table.add_column(column)
    for column in ("A", "C", "expected", "80% interval", "95% interval", ""):
        table.add_column(column, justify="right")
    for row in outlook["predictions"]:
        intervals = [f"{low:.5g} – {high:.5g}" for low, high in row["intervals"].values()]
        figures = (f"{row['a']:.4g}", f"{row['c']:.4g}", f"{row['mean']:.5g}", *intervals)
        mark = "!" if row["extrapolates"] else ""
        table.add_row(*((str(row["setting"]),) if named else ()), row["benchmark"], *figures, mark)
    write_table(table)
    if any(row["extrapolates"] for row in outlook["predictions"]):
        write(BEYOND)
