"""``visionlaw plugins``: what is installed and how it fares, what there is to install, and installing it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import note, plural, print_json, printable, write, write_columns, write_table
from visionlaw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visionlaw.catalogue import Offer
    from visionlaw.plugins import PluginRecord

app = typer.Typer()

_COLOURS = {"ok": "green", "degraded": "yellow", "disabled": "dim"}


@app.callback(invoke_without_command=True)
def plugins(context: typer.Context, space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Show every installed plugin and its health; search and install others.

    A plugin that cannot be imported never changes the exit code.

    Example: visionlaw plugins --json
    """
    if context.invoked_subcommand is not None:
        if space is not None or as_json:
            verb = context.invoked_subcommand
            raise ConfigError(f"The options of '{verb}' stand behind it.", f"visionlaw plugins {verb} … --json")
        return
    from dataclasses import asdict

    records = project(space).registry.plugins
    if as_json:
        print_json([asdict(record) for record in records])
    else:
        _print_records(records)


@app.command()
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Part of a prefix, name, kind or description.")] = "",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the plugins that the catalogue knows, installed or not. It is part of registry.toml: nothing is fetched.

    A plugin gets into it by a pull request that adds its line to registry.toml, or by a line in your own.

    Example: visionlaw plugins search dinov2
    """
    from dataclasses import asdict

    from visionlaw import catalogue

    found = catalogue.search(catalogue.offers(project(space).catalogue), text)
    if as_json:
        print_json([asdict(offer) for offer in found])
    elif found:
        _print_offers(found)
    else:
        write(f"The catalogue has nothing about '{printable(text)}'. All that it has: visionlaw plugins search")


@app.command()
def install(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Prefixes or distributions of the catalogue: clip; several.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Run the command, without asking.")] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the command that installs plugins of the catalogue; on a terminal, offer to run it.

    It runs with --yes, or when the question is answered so, and never otherwise. What pip writes goes to stderr.

    Example: visionlaw plugins install clip
    """
    from visionlaw import catalogue, installing

    chosen = catalogue.wanted(catalogue.offers(project(space).catalogue), names)
    missing = [offer.distribution for offer in chosen if offer.installed is None]
    present = {offer.distribution: offer.installed for offer in chosen if offer.installed is not None}
    if missing:
        installing.require_pip(missing)
    command = installing.pip_command(missing) if missing else []
    if not as_json:
        for name, version in present.items():
            note(f"{name} {version} is installed already.")
        if missing:
            write(installing.command_text(command))
    asked = bool(missing) and (yes or (not as_json and _confirmed()))
    if asked:
        installing.run_pip(command, lambda line: note(printable(line)))
    if as_json:
        print_json({"command": command, "missing": missing, "present": present, "ran": asked})
    elif asked:
        note(f"Installed {', '.join(missing)}. How they fare: visionlaw plugins")
    elif missing:
        note("Nothing has been installed. To run this command: visionlaw plugins install --yes …")


def _confirmed() -> bool:
    """Ask, where there is somebody to answer."""
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm("Run it now?", default=False, err=True)


def _print_offers(found: Sequence[Offer]) -> None:
    rows = [
        (
            offer.prefix,
            offer.distribution,
            offer.installed or "no",
            ", ".join(kind.replace("_", " ") for kind in offer.kinds),
            printable(f"{offer.description} {offer.homepage or ''}".strip()),
        )
        for offer in found
    ]
    write_columns(("PREFIX", "DISTRIBUTION", "INSTALLED", "PROVIDES", "WHAT IT IS"), rows)
    lacking = next((offer.prefix for offer in found if offer.installed is None), None)
    if lacking is not None:
        note(f"To install one: visionlaw plugins install {lacking}")


def _print_records(records: tuple[PluginRecord, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("plugin", "distribution", "status", "ms", "provides")
    for record in records:
        colour = _COLOURS.get(record.status, "red")
        provides = ", ".join(plural(len(ids), kind.replace("_", " ")) for kind, ids in record.provides.items())
        source = f"{record.distribution} {record.version}"
        milliseconds = f"{record.seconds * 1000:.0f}"
        table.add_row(record.name, source, Text(record.status, style=colour), milliseconds, provides)
    write_table(table)
    for record in records:
        if record.reason:
            state = record.status if record.status != "ok" else "warning"
            write(printable(f"{record.name} ({state}): {record.reason}"))
            write(printable(f"  → {record.remedy}"))
