"""How the explanation of a suggestion looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visionlaw.cli.output import write, write_table
from visionlaw.cli.policy_views import cost_text
from visionlaw.cli.ranking_views import interval_text, percent, with_error

if TYPE_CHECKING:
    from visionlaw.policy.answers import Explanation
    from visionlaw.store.studies import StudySettings

BASES = {
    "given": "given under [costs] of registry.toml",
    "estimated": "estimated from its number of visual tokens",
    "default": "the default of [costs], since its number of visual tokens is not known",
}


def show_explanation(explanation: Explanation, settings: StudySettings) -> None:
    """Show what a finetuning promises on each benchmark, what it would teach and what it costs."""
    prospects = explanation.prospects.values()
    known = any(prospect.best is not None for prospect in prospects)
    if known or any(prospect.predicted is not None for prospect in prospects):
        _show_prospects(explanation)
    if known:
        write("  best known: chance that what looks best is the best; after: in expectation over this run's result.")
    else:
        write(
            f"  The sampler '{settings.sampler}' does not say how sure it is, so not what the run would teach either."
        )
    if explanation.cost is not None and explanation.cost_basis is not None:
        write(f"  Costs: {cost_text(explanation.cost)}; hours {BASES[explanation.cost_basis]}.")


def _show_prospects(explanation: Explanation) -> None:
    from rich.table import Table

    table = Table("benchmark", "expected", "80% interval", "is the best", "best known now", "best known after")
    for column in table.columns[1:]:
        column.justify = "right"
    for benchmark, prospect in explanation.prospects.items():
        table.add_row(
            benchmark,
            with_error(prospect.predicted, prospect.standard_error),
            interval_text(prospect.interval),
            percent(prospect.best),
            percent(prospect.sure),
            percent(prospect.sure_after),
        )
    write_table(table)
