"""The verb policy replay: simulate a sampler on a finished table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import print_json, write, write_table
from visionlaw.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.table import Table

DEFAULT_BUDGET = 8
EXPLAINED = {
    "recall@1": "the optimum is predicted first",
    "recall@3": "the optimum is among the top 3 predicted",
    "recall@3 within noise": "the optimum is, or a setting that loses no more than training noise against it",
    "found": "the optimum itself has been finetuned",
    "regret": "% lost by using the best result so far instead of the optimum",
}


def replay(
    law: Annotated[
        str, typer.Option(metavar="TABLE", help="iclr2025, colm2025 or a CSV file; higher performance must be better.")
    ] = "iclr2025",
    sampler: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An installed sampler (visionlaw list sampler); repeat to compare."),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(min=0, help="Finetunings per trial; 8, or all settings where there are fewer.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Independent trials.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    mode: Annotated[Mode, typer.Option(help="single: one study per benchmark; joint: one for all.")] = Mode.SINGLE,
    noise: Annotated[float, typer.Option(help="Relative deviation of the told results, such as 0.02.")] = 0.0,
    subspace: Annotated[
        str | None, typer.Option(metavar="LO:HI", help="Each trial among LO to HI settings drawn at random.")
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT|TABLE",
            help="What the sampler is told of other benchmarks: leave-one-benchmark-out, strict (no result of the "
            "trial's settings either; with --subspace), or another table. Default: nothing.",
        ),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a policy on a finished table, and count its successes both ways.

    The JSON of one sampler is its figures; that of several is {"replays": [figures, …]}.

    Example: visionlaw policy replay --law colm2025 --sampler region --sampler random --budget 8
    """
    from visionlaw.law.tables import load_table
    from visionlaw.policy.checked import CheckedSampler
    from visionlaw.policy.replay import replay as run
    from visionlaw.policy.splits import Split

    table = load_table(law)
    budget = min(DEFAULT_BUDGET, len(table.settings)) if budget is None else budget
    past = prior if prior is None or prior in list(Split) else load_table(prior)
    registry, limits = project(space).registry, _parse_subspace(subspace)
    figures: list[dict[str, Any]] = []
    for name in sampler or ["bayes"]:
        source = registry.get("sampler", name).distribution
        rule = CheckedSampler(registry.load("sampler", name), name, source)
        figures.append(run(table, rule, budget, trials, seed, mode, noise, limits, past).as_dict())
    if as_json:
        print_json({"replays": figures} if len(figures) > 1 else figures[0])
    elif len(figures) > 1:
        _print_comparison(figures, budget, trials)
    else:
        _print(figures[0], budget, trials)


def _parse_subspace(text: str | None) -> tuple[int, int] | None:
    from visionlaw.errors import StudyError

    if text is None:
        return None
    low, colon, high = text.partition(":")
    if not (low.isdecimal() and (high.isdecimal() or not colon)):
        raise StudyError(f"'{text}' is not a subspace.", "Write low:high, such as 8:12.")
    return int(low), int(high or low)


def _print(figures: Mapping[str, Any], budget: int, trials: int) -> None:
    """Print the two ways to count, one above the other, and what each means."""
    table = _table(f"{figures['sampler']} on {_where(figures, trials)}", budget)
    table.add_row("fixed budget, mean of the benchmarks")
    for name, values in figures["fixed_budget"].items():
        table.add_row(f"  {name}" + (" %" if name == "regret" else ""), *_cells(values))
        for end, bounds in zip(("from", "to"), zip(*figures["intervals"][name], strict=True), strict=True):
            table.add_row(f"    95% {end}", *_cells(bounds), style="dim")
    table.add_section()
    table.add_row("first hit in the top 3")
    for benchmark, values in figures["first_hit"].items():
        table.add_row(f"  {benchmark}", *_cells(values))
    table.add_row("  mean", *_cells(_mean_first_hit(figures)))
    write_table(table)
    _explain()


def _print_comparison(figures: Sequence[Mapping[str, Any]], budget: int, trials: int) -> None:
    """Print several samplers below each other, metric by metric, as means of the benchmarks."""
    first = figures[0]
    table = _table(f"{_where(first, trials)}, mean of the benchmarks", budget)
    for name in first["fixed_budget"]:
        unit = " %" if name == "regret" else ""
        table.add_row(f"{name}{unit}, fixed budget")
        for one in figures:
            table.add_row(f"  {one['sampler']}", *_cells(one["fixed_budget"][name]))
        table.add_section()
    table.add_row("first hit in the top 3")
    for one in figures:
        table.add_row(f"  {one['sampler']}", *_cells(_mean_first_hit(one)))
    write_table(table)
    _explain()


def _where(figures: Mapping[str, Any], trials: int) -> str:
    prior = f", prior: {figures['prior']}" if figures["prior"] else ""
    return f"{figures['law']}, {figures['mode']}, {trials} trials{prior}"


def _table(title: str, budget: int) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("finetunings n")
    for n in range(budget + 1):
        table.add_column(str(n), justify="right")
    return table


def _cells(values: Iterable[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _mean_first_hit(figures: Mapping[str, Any]) -> list[float]:
    return [sum(column) / len(column) for column in zip(*figures["first_hit"].values(), strict=True)]


def _explain() -> None:
    write("fixed budget  what a user gets after exactly n finetunings:")
    for name, meaning in EXPLAINED.items():
        write(f"  {name:<21} {meaning}")
    write("  95%                   bootstrap interval: other benchmarks and trials, drawn from these with replacement")
    write("first hit     what the papers count: the optimum has been in the top 3 at some n so far. Only who knows the")
    write("              answer could stop there: an upper bound.")
