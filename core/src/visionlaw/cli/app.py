"""The command line's verbs, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from visionlaw._version import __version__
from visionlaw.cli import (
    cache,
    check,
    dataset,
    doctor,
    extract,
    law,
    listing,
    new_plugin,
    plugins,
    policy,
    score,
    space,
)
from visionlaw.cli.context import settings
from visionlaw.cli.output import write
from visionlaw.cli.verbs import Verbs

app = typer.Typer(
    name="visionlaw",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which vision encoder, or combination, should my multimodal LLM use?",
)
app.command("list")(listing.list_)
app.command("show")(listing.show)
app.add_typer(plugins.app, name="plugins")
app.command("doctor")(doctor.doctor)
app.command("check")(check.check)
app.command("new-plugin")(new_plugin.new_plugin)
app.command("extract")(extract.extract)
app.command("init")(space.init)
app.add_typer(space.app, name="space", help="The search space: registry.toml.")
app.add_typer(score.app, name="score", help="Score frozen features.")
app.add_typer(dataset.app, name="dataset", help="Data sets of image pairs: check, make.")
app.add_typer(cache.app, name="cache", help="The features and similarity rows that are kept: ls, verify, prune.")
app.add_typer(law.app, name="law", help="The law: performance as a quadratic in A and C.")
app.add_typer(policy.app, name="policy", help="Which representation to train next: ask, tell, rank, status, replay.")


def _version(value: bool) -> None:
    if value:
        write(f"visionlaw {__version__}")
        raise typer.Exit


@app.callback()
def root(
    no_plugin: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Do not import this plugin; repeatable.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before the verb."""
    settings.disabled = tuple(no_plugin or ())
    settings.debug = debug
