"""Verbs of the policy: which representation to train next, what came of it, how all of them rank."""

from __future__ import annotations

from typing import Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption
from visionlaw.cli.output import print_json, write
from visionlaw.cli.replay import replay
from visionlaw.cli.studies import StudyOption, opened_study
from visionlaw.cli.tell import tell
from visionlaw.errors import StudyError, did_you_mean

app = typer.Typer(no_args_is_help=True)
app.command("replay")(replay)


@app.command()
def ask(
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many to ask for.")] = 1,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which representation to train next, and why; it is noted as pending.

    Example: visionlaw policy ask
    """
    from visionlaw.cli import policy_views as views

    with opened_study(study, space) as opened:
        suggestions = opened.ask(number)
        status = opened.status()
    if as_json:
        print_json(views.asked_json(suggestions, status))
        return
    for suggestion in suggestions:
        write(f"Train next: {suggestion.representation}")
        write(f"  Why: {suggestion.reason}")
        write(f"  Then: {views.tell_command(suggestion.representation, status.settings)}")
    write(views.c_sentence(status.c_from))
    write(f"{status.left} of {status.settings.budget} finetunings are left to ask for.")
    views.note_not_scored(status.not_scored)


app.command()(tell)


@app.command()
def rank(
    benchmark: Annotated[str | None, typer.Option(metavar="BENCHMARK", help="Only this benchmark, in detail.")] = None,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank all scored representations by what the law expects, beside what was observed.

    Example: visionlaw policy rank --benchmark mmbench
    """
    from visionlaw.cli import policy_views as views

    with opened_study(study, space) as opened:
        ranking = opened.rank()
    known = tuple(ranking.results)
    if benchmark is not None and benchmark not in known:
        raise StudyError(
            f"'{benchmark}' is not a benchmark of study '{study}'.",
            did_you_mean(benchmark, known) or f"It has {', '.join(known)}.",
        )
    if as_json:
        print_json(views.ranking_json(ranking, benchmark))
    else:
        views.show_ranking(ranking, benchmark)


@app.command()
def status(study: StudyOption = "default", space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Say what the study has asked for and been told, and what is left.

    Example: visionlaw policy status
    """
    from visionlaw.cli import policy_views as views

    with opened_study(study, space) as opened:
        current = opened.status()
    if as_json:
        print_json(views.status_json(current))
    else:
        views.show_status(current)
