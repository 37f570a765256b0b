"""Verbs of the policy: which representation to train next, what came of it, how all of them rank."""

from __future__ import annotations

from typing import Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption
from visionlaw.cli.output import print_json
from visionlaw.cli.replay import replay
from visionlaw.cli.studies import StudyOption, opened_study
from visionlaw.cli.tell import tell
from visionlaw.errors import StudyError, did_you_mean

app = typer.Typer(no_args_is_help=True)
app.command("replay")(replay)


@app.command()
def ask(
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many to ask for.")] = 1,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say what is expected of it, what it would teach and what it costs.")
    ] = False,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which representation to train next, and why; it is noted as pending.

    Example: visionlaw policy ask --explain
    """
    from visionlaw.cli import policy_views as views

    with opened_study(study, space) as opened:
        notes, stopping = opened.prior_notes(), opened.stopping()
        suggestions = opened.ask(number, explained=explain)
        status = opened.status()
    if as_json:
        print_json(views.asked_json(suggestions, status, stopping, notes))
    else:
        views.show_asked(suggestions, status, stopping, notes)


app.command()(tell)


@app.command()
def rank(
    benchmark: Annotated[str | None, typer.Option(metavar="BENCHMARK", help="Only this benchmark, in detail.")] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Build on this instead of registry.toml's prior, repeatable: iclr2025, colm2025, studies, a CSV file "
            "beside registry.toml, or none; nothing is changed by it.",
        ),
    ] = None,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank all scored representations by what is expected of them, beside what was observed.

    Example: visionlaw policy rank --benchmark mmbench
    """
    from visionlaw.cli import ranking_views as views

    instead = None if prior is None else [name for name in prior if name != "none"]
    with opened_study(study, space, instead) as opened:
        notes = opened.prior_notes(compared=prior is None)
        ranking = opened.rank()
    known = tuple(ranking.results)
    if benchmark is not None and benchmark not in known:
        raise StudyError(
            f"'{benchmark}' is not a benchmark of study '{study}'.",
            did_you_mean(benchmark, known) or f"It has {', '.join(known)}.",
        )
    if as_json:
        print_json(views.ranking_json(ranking, benchmark, notes))
    else:
        views.show_ranking(ranking, benchmark, notes)


@app.command()
def status(study: StudyOption = "default", space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Say what the study has asked for and been told, what it has cost, and whether it may stop.

    Example: visionlaw policy status
    """
    from visionlaw.cli import policy_views as views

    with opened_study(study, space) as opened:
        current, spending, notes = opened.status(), opened.spending(), opened.prior_notes()
        stopping = views.stopping_or_note(opened)
    if as_json:
        print_json(views.status_json(current, spending, stopping, notes))
    else:
        views.show_status(current, spending, stopping, notes)
