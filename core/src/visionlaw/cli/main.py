"""The entry point of the command line, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import errno
import sys
from typing import Annotated

import typer

from visionlaw._version import __version__
from visionlaw.cli import law, listing, policy, score, space
from visionlaw.cli.context import settings
from visionlaw.cli.output import note, write
from visionlaw.errors import VisionlawError
from visionlaw.plugins import strict

INTERRUPTED = 130
BUG = 1

app = typer.Typer(
    name="visionlaw",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which vision encoder, or combination, should my multimodal LLM use?",
)
app.command("list")(listing.list_)
app.command("show")(listing.show)
app.command("plugins")(listing.plugins)
app.command("doctor")(listing.doctor)
app.command("init")(space.init)
app.add_typer(space.app, name="space", help="The search space: registry.toml.")
app.add_typer(score.app, name="score", help="Score frozen features.")
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


def main() -> None:
    """Run the command line; a user's error is one sentence with its remedy and exit code 2."""
    try:
        app()
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            note("Interrupted. What was finished is kept; run the same command again to go on.")
        raise
    except VisionlawError as error:
        _fail(error, error.message, error.remedy, error.exit_code)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(
                error,
                "The disk is full.",
                "Free some space and run the command again; what was finished is kept.",
            )
        where = f" '{error.filename}'" if error.filename else ""
        _fail(error, f"{error.strerror or error}{where}.", "Check the path and its permissions.")
    except Exception as error:  # noqa: BLE001  the last resort: no traceback reaches a user unasked
        kind = type(error).__name__
        _fail(
            error,
            f"This is a bug in visionlaw: {kind}: {error}",
            "Run 'visionlaw --debug …' and report it.",
            BUG,
        )


def _fail(error: BaseException, message: str, remedy: str, code: int = 2) -> None:
    if settings.debug or strict():
        raise error
    note(f"Error: {message}")
    if remedy:
        note(f"  → {remedy}")
    sys.exit(code)
