"""What a run found, in tables for people and as JSON."""

from __future__ import annotations

import math
from typing import Any

from rich.table import Table

from visionlaw.cli.output import write, write_table
from visionlaw.law.figures import table_figures
from visionlaw.law.tables import load_table
from visionlaw.policy.bayes.sampler import BayesSampler
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.replay import replay
from visionlaw.policy.samplers import RandomSampler, RegionSampler
from visionlaw_lab.loop import Outcome
from visionlaw_lab.questions import benchmark_of, chance

REPLAYED, TRIALS = 8, 500
FORMS = ("A-quadratic", "C-quadratic", "AC-linear", "AC-quadratic")


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "plan": outcome.plan.facts,
        "folder": str(outcome.folder),
        "representations": {
            name: {
                "C": of.correspondence,
                "A": {
                    definition: {b: value for (d, b), value in of.alignment.items() if d == definition}
                    for definition in dict.fromkeys(d for d, _ in of.alignment)
                },
                "performance": dict(of.performance),
            }
            for name, of in outcome.measured.items()
        },
        "asked": [{"representation": name, "reason": reason} for name, reason in outcome.asked],
        "mean_rank": dict(outcome.ranking.mean_rank) if outcome.ranking else {},
        "tables": {definition: str(path) for definition, path in outcome.tables.items()},
        "law": {definition: _law(outcome, definition) for definition in outcome.tables},
        "policy": {definition: _curves(outcome, definition) for definition in outcome.tables},
        "seconds": dict(outcome.seconds),
    }


def show(outcome: Outcome) -> None:
    """Print everything."""
    write()
    write_table(_overview(outcome))
    write("A maxcos: mean over the benchmarks. Accuracies in %; empty: not trained.")
    for number, (name, reason) in enumerate(outcome.asked, start=1):
        write(f"{number}. asked for {name}: {reason}")
    if outcome.ranking is not None and outcome.ranking.mean_rank:
        first = list(outcome.ranking.mean_rank)[:3]
        write(f"The law of the told results ranks first: {', '.join(first)}.")
    for definition, path in outcome.tables.items():
        write()
        write_table(_law_table(definition, _law(outcome, definition)))
        write_table(_curve_table(definition, _curves(outcome, definition)))
        write(f"visionlaw law fit {path}")
        write(f"visionlaw policy replay --law {path}")
    total = sum(outcome.seconds.values())
    write(f"{total:.0f} s: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in outcome.seconds.items()))


def _overview(outcome: Outcome) -> Table:
    benchmarks = outcome.plan.benchmarks
    table = Table(title=f"The lab, {outcome.plan.name}: {outcome.folder}", title_justify="left")
    table.add_column("representation")
    for column in ("A\nmaxcos", "A\nloglik", "C\nPCK@0.1", *(f"{b}\n({chance(b):.0f})" for b in benchmarks)):
        table.add_column(column, justify="right")
    order = sorted(outcome.measured.items(), key=lambda item: -sum(item[1].performance.values()))
    for name, of in order:
        means = [
            sum(of.alignment[definition, b] for b in benchmarks) / len(benchmarks)
            for definition in ("maxcos", "loglik")
        ]
        cells = [f"{of.performance[b]:.0f}" if b in of.performance else "" for b in benchmarks]
        table.add_row(name, f"{means[0]:.3f}", f"{means[1]:.3f}", f"{of.correspondence:.1f}", *cells)
    return table


def _law(outcome: Outcome, definition: str) -> dict[str, Any]:
    return table_figures(load_table(outcome.tables[definition]))


def _curves(outcome: Outcome, definition: str) -> dict[str, dict[str, list[float]]]:
    """Return how often the optimum is in the top 3, and has been trained, after each number of finetunings."""
    table = load_table(outcome.tables[definition])
    budget = min(REPLAYED, len(table.settings))
    found: dict[str, dict[str, list[float]]] = {}
    for name, sampler in (("bayes", BayesSampler()), ("region", RegionSampler()), ("random", RandomSampler())):
        figures = replay(table, CheckedSampler(sampler, name, "visionlaw"), budget, TRIALS).as_dict()["fixed_budget"]
        found[name] = {metric: figures[metric] for metric in ("recall@3", "found", "regret")}
    return found


def _law_table(definition: str, figures: dict[str, Any]) -> Table:
    table = Table(title=f"The law with A by {definition}", title_justify="left")
    kinds = list(dict.fromkeys(figures["benchmarks"].values()))
    table.add_column("form")
    for kind in kinds:
        table.add_column(f"{kind}\nR²", justify="right")
        table.add_column(f"{kind}\nleave-one-out", justify="right")
    for form in (form for form in FORMS if form in figures["r2"]):
        cells = [_number(figures[key][form][kind]) for kind in kinds for key in ("r2", "loo_r2")]
        table.add_row(form, *cells)
    table.add_section()
    for name in figures["benchmarks"]:
        kind = figures["benchmarks"][benchmark_of(name)]
        values = (_number(figures["r2_per_benchmark"][name]), _number(figures["loo_r2_per_benchmark"][name]))
        table.add_row(name, *(cell for k in kinds for cell in (values if k == kind else ("", ""))))
    return table


def _curve_table(definition: str, curves: dict[str, dict[str, list[float]]]) -> Table:
    steps = len(next(iter(curves.values()))["found"])
    table = Table(title=f"The policy on this table, A by {definition}, fixed budget", title_justify="left")
    table.add_column("finetunings n")
    for n in range(steps):
        table.add_column(str(n), justify="right")
    for metric in ("recall@3", "found", "regret"):
        for sampler, figures in curves.items():
            unit = " %" if metric == "regret" else ""
            table.add_row(f"{metric}{unit}, {sampler}", *(f"{value:.2f}" for value in figures[metric]))
    return table


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"
