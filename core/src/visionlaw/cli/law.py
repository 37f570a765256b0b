"""The verbs of the law: law reproduce, law fit, law predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption
from visionlaw.cli.law_views import print_choice, print_outlook
from visionlaw.cli.output import print_json, write, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

app = typer.Typer(no_args_is_help=True)

MonotoneOption = Annotated[
    bool, typer.Option("--monotone", help="Compare only laws in which performance falls neither with A nor with C.")
]

TITLES = {"iclr2025": "ICLR 2025", "colm2025": "COLM 2025"}
COUNTS = (
    "first hit     the optimum has been in the top 3 at some n so far: only who knows the answer could stop there.\n"
    "fixed budget  the optimum is in the top 3 after exactly n finetunings: what a user gets."
)
R2_NOTE = "loo R²: each setting predicted by a law fitted without it, which is what a new encoder meets."


@app.command()
def reproduce(
    trials: Annotated[int, typer.Option(min=1, help="Simulated trials per benchmark.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation, intervals and controls.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Print the published figures that follow from the published tables, beside ours.

    Example: visionlaw law reproduce
    """
    from visionlaw.law.reproduce import reproduce as reproduce_law
    from visionlaw.policy.reproduce import reproduce_policy

    law, policy = reproduce_law(seed=seed), reproduce_policy(trials=trials, seed=seed)
    figures = {name: {**law[name], "policy": policy[name]} for name in law}
    if as_json:
        print_json(figures)
        return
    for name, of_table in figures.items():
        _print_law(TITLES[name], of_table)
        _print_policy(TITLES[name], of_table["policy"])
    write(COUNTS)


@app.command("fit")
def fit_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A CSV file with the columns of the shipped tables; higher performance must be better."
        ),
    ],
    form: Annotated[
        str, typer.Option(help="The form whose coefficients are given: AC-quadratic, A-linear…")
    ] = "AC-quadratic",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals and controls.")] = 0,
    monotone: MonotoneOption = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Choose the model anew without each setting, too; takes a quarter of a minute."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit the law to a table of finished settings, and compare models of it on settings they have not seen.

    iclr2025 and colm2025 name the shipped tables.

    Example: visionlaw law fit my_runs.csv
    """
    from visionlaw.law.choice import CANDIDATES, MONOTONE, check_choice, choose
    from visionlaw.law.figures import table_figures
    from visionlaw.law.outlook import choice_figures
    from visionlaw.law.tables import load_table

    table, candidates = load_table(file), MONOTONE if monotone else CANDIDATES
    figures = table_figures(table, form, seed=seed)
    choice = choice_figures(choose(table, candidates), check_choice(table, candidates) if check else None)
    if as_json:
        print_json({"law": file, **figures, "choice": choice})
        return
    write(
        f"{file}: {figures['settings']} settings, {len(figures['benchmarks'])} benchmarks, A is {_definition(figures)}"
    )
    _print_law(file, figures)
    print_choice(file, choice)


@app.command()
def predict(
    file: Annotated[str, typer.Argument(metavar="FILE", help="As of law fit; its finished settings are fitted.")],
    a: Annotated[float | None, typer.Option("--a", help="Alignment of a new setting, in the table's unit.")] = None,
    c: Annotated[float | None, typer.Option("--c", help="Correspondence of it, in the table's unit.")] = None,
    monotone: MonotoneOption = False,
    as_json: JsonOption = False,
) -> None:
    """Predict a new setting from its A and C, or those of the table whose performance is blank, with intervals.

    The model is the one that law fit chooses.

    Example: visionlaw law predict colm2025 --a -1.9 --c 20
    """
    from visionlaw.law.outlook import outlook_at, outlook_of_unfinished
    from visionlaw.law.tables import load_table

    table = load_table(file, unfinished=True)
    if (a is None) != (c is None):
        raise typer.BadParameter("'--a' and '--c' go together: the law needs both.")
    if a is None or c is None:
        outlook = outlook_of_unfinished(table, monotone=monotone)
    else:
        outlook = outlook_at(table, a, c, monotone=monotone)
    if as_json:
        print_json({"law": file, **outlook})
        return
    print_outlook(file, outlook)


def _definition(figures: Mapping[str, Any]) -> str:
    name = str(figures["a_definition"])
    return "of a definition that the file does not name" if name == "unspecified" else name


def _print_law(title: str, figures: Mapping[str, Any]) -> None:
    write_table(_r2_table(title, figures))
    write(R2_NOTE)
    write_table(_coefficient_table(title, figures))
    for misprint in figures.get("misprints", ()):
        where = f"{misprint['benchmark']}, {misprint['coefficient']}"
        write(f"misprint: {where} is printed {misprint['printed']:.3f}; the data give {misprint['recomputed']:.3f}.")
    for benchmark, remark in figures.get("remarks", {}).get("gaps", {}).items():
        write(f"gap of {benchmark}: {remark}.")
    write()


def _r2_table(title: str, figures: Mapping[str, Any]) -> Table:
    """R² by form: one group of columns per kind of benchmark, the published figure first where there is one."""
    from rich.table import Table

    published = figures.get("published", {}).get("r2")
    kinds = list(dict.fromkeys(figures["benchmarks"].values()))
    source = f" ({figures['published']['sources']['r2']})" if published else ""
    table = Table(title=f"{title}: R² of the law{source}", title_justify="left")
    table.add_column("form")
    for kind in kinds:
        for column in (("published",) if published else ()) + ("R²", "adjusted", "loo"):
            table.add_column(f"{kind}\n{column}", justify="right")
    for form in figures["r2"]:
        cells: list[str] = []
        for kind in kinds:
            if published:
                cells.append(_number(published.get(form, {}).get(kind)))
            cells += [_number(figures[key][form][kind]) for key in ("r2", "adjusted_r2", "loo_r2")]
        table.add_row(form, *cells)
    return table


def _coefficient_table(title: str, figures: Mapping[str, Any]) -> Table:
    """Coefficients of the quadratic, by benchmark, with R² and the gap; misprints are marked."""
    from rich.table import Table

    wrong = {(m["benchmark"], m["coefficient"]) for m in figures.get("misprints", ())}
    published = figures.get("published", {}).get("gaps")
    misprinted = " (* misprinted in the paper)" if wrong else ""
    table = Table(title=f"{title}: {figures['form']}, by benchmark{misprinted}", title_justify="left")
    terms = next(iter(figures["coefficients"].values()))
    columns = ("R²", "loo R²", *terms, "gap %") + (("published",) if published else ())
    table.add_column("benchmark")
    for column in columns:
        table.add_column(column, justify="right")
    for benchmark, values in figures["coefficients"].items():
        cells = [_number(figures["r2_per_benchmark"][benchmark]), _number(figures["loo_r2_per_benchmark"][benchmark])]
        cells += [f"{value:.3f}" + ("*" if (benchmark, term) in wrong else "") for term, value in values.items()]
        cells.append(_number(figures["gaps"][benchmark], 3))
        table.add_row(benchmark, *cells, *([_number(published.get(benchmark), 3)] if published else []))
    return table


def _print_policy(title: str, policy: Mapping[str, Any]) -> None:
    """Print the policy's figures, counted both ways."""
    write_table(_curve_table(title, policy))
    if "first_hit_table" in policy:
        write_table(_beside(f"{title} Table 1: region sampling, top 3, at the n printed", policy["first_hit_table"]))
        rows = {name: {"n": 7, **row} for name, row in policy["budget_seven"].items()}
        write_table(_beside(f"{title} Table 8: budget 7", rows))
    if "figure_four" in policy:
        figure = policy["figure_four"]
        rows = {name: {"n": figure["n"], **figure[name]} for name in ("region", "random")}
        write_table(_beside(f"{title} Figure 4: budget {figure['n']}, six benchmarks", rows))
        write(f"The six are not named in our source; taken here: {', '.join(figure['benchmarks'])}.")
    write()


def _curve_table(title: str, policy: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title=f"{title}: optimum in the top 3, mean over the benchmarks", title_justify="left")
    table.add_column("finetunings n")
    steps = len(policy["first_hit"]["region"])
    for n in range(steps):
        table.add_column(str(n), justify="right")
    for count in ("first_hit", "fixed_budget"):
        for sampler, values in policy[count].items():
            table.add_row(f"{sampler}, {count.replace('_', ' ')}", *(_number(v, 2) for v in values))
    return table


def _beside(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """Published figures with ours, counted both ways; found where the rows have it."""
    from rich.table import Table

    keys = ["published", "first_hit", "fixed_budget"]
    if any("found" in row for row in rows.values()):
        keys.append("found")
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in ("n", "published", "ours, first hit", "ours, fixed budget", "ours, found")[: len(keys) + 1]:
        table.add_column(column, justify="right")
    for name, row in rows.items():
        table.add_row(name, f"{row['n']:.3g}", *(_number(row.get(key), 3) for key in keys))
    return table


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"
