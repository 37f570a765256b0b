"""The verb ``new-plugin``: begin a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import print_json, write
from visionlaw.newplugin.kinds import PluginKind


def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The prefix of its ids, such as acme.")],
    kind: Annotated[PluginKind, typer.Option(help="What it provides.")] = PluginKind.ENCODER,
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The new folder; default: visionlaw-NAME, here.")
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a new plugin: a complete distribution that runs, is tested and checked, ready to be made yours.

    Example: visionlaw new-plugin acme --kind encoder
    """
    from visionlaw.newplugin.names import check_name
    from visionlaw.newplugin.rendering import distribution_of, render
    from visionlaw.newplugin.writing import write_all

    here = project(space)
    check_name(name, here.registry, here.providers)
    distribution = distribution_of(name)
    folder = Path(distribution) if into is None else into
    files = render(name, kind)
    write_all(folder, files)
    commands = [
        f"cd {_quoted(folder)}",
        "python -m pip install -e '.[test]'",
        f"visionlaw list {kind.value} --search {name}",
        f"visionlaw check {distribution}",
        "python -m pytest",
    ]
    if as_json:
        print_json(
            {"distribution": distribution, "folder": str(folder.absolute()), "files": list(files), "next": commands}
        )
        return
    write(f"Wrote {distribution}, a plugin with one {kind.value}, into {folder}:")
    for path in files:
        write(f"  {path}")
    write("It runs as it is. Next:")
    for command in commands:
        write(f"  {command}")
    write("README.md says what to put in its place, RELEASING.md how to publish it.")


def _quoted(folder: Path) -> str:
    from shlex import quote

    return quote(str(folder))
