"""The verb ``lab``: the law in vitro."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.context import JsonOption
from visionlaw.cli.output import note, print_json, scoring_progress, write
from visionlaw.errors import ConfigError

if TYPE_CHECKING:
    from visionlaw_lab.plans import Plan

app = typer.Typer(no_args_is_help=True, help="The law in vitro: the whole loop in a small world.")


@app.callback()
def lab() -> None:
    """The law in vitro: the whole loop in a small world, with real training on two CPU cores.

    Example: visionlaw lab run --quick
    """


@app.command()
def run(
    quick: Annotated[bool, typer.Option("--quick", help="Six representations, three benchmarks: minutes.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All representations and benchmarks: about 20 minutes.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="The project's folder; default: visionlaw-lab-quick or -full.")
    ] = None,
    representations: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="ID", help="A further representation, any installed encoder; repeatable."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--lm", metavar="MODEL", help="A language model instead of the tiny one: a folder.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of scenes and trainings.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train and score in a small world, follow the policy, and fit the law; run it again to go on.

    Example: visionlaw lab run --quick --folder my-lab
    """
    from visionlaw_lab.plans import FULL, QUICK

    if quick == full:
        raise ConfigError("A run is either quick or full.", "visionlaw lab run --quick")
    base = QUICK if quick else FULL
    plan: Plan = replace(
        base,
        representations=tuple(dict.fromkeys((*base.representations, *(representations or ())))),
        model="" if language is None else str(Path(language).expanduser().resolve()),
        seed=seed,
    )
    from visionlaw_lab.loop import Lab
    from visionlaw_lab.views import as_json as json_of
    from visionlaw_lab.views import show

    where = folder or Path(f"visionlaw-lab-{plan.name}")
    with scoring_progress() as progress:
        outcome = Lab(plan, where, note if as_json else write, progress).run()
    if as_json:
        print_json(json_of(outcome))
    else:
        show(outcome)
