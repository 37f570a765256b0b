"""Checks of verbs of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from visionlaw.targets import resolve_target
from visionlaw.testing.checks import check, fail
from visionlaw.testing.listing_probe import chains_of
from visionlaw.testing.subjects import Subject


@check("command-name", "command")
def command_name(subject: Subject) -> None:
    """It is not called as one of core's verbs, which cannot be replaced."""
    from visionlaw.cli.app import app

    core = {info.name for info in (*app.registered_commands, *app.registered_groups)}
    if subject.name in core:
        fail(f"'{subject.name}' is one of core's own verbs.", "Give the verb another name.")


@check("command-target", "command", needs=("target",))
def command_target(subject: Subject) -> None:
    """Its target is a typer app, or a function that typer understands."""
    _command(subject)


@check("command-help", "command", needs=("command-target",))
def command_help(subject: Subject) -> None:
    """It says what it does, and so does each of its own verbs."""
    for name, command in _all(subject.name, _command(subject)):
        if not (command.help or "").strip():
            fail(
                f"The verb '{name}' has no help text.",
                "Give its function a docstring, whose first line is listed; a group of verbs typer.Typer(help=…).",
            )


@check("command-light", "command", needs=("target",))
def command_light(subject: Subject) -> None:
    """Its module imports no heavy library: 'visionlaw --help' imports it; a failure names the chain of imports."""
    chains = [" → ".join(chain) for chain in chains_of(subject.declared.target.partition(":")[0])]
    if chains:
        fail(f"For 'visionlaw --help', {'; '.join(chains)} is imported.", "Import it in the function that uses it.")


def _command(subject: Subject) -> Any:
    from visionlaw.cli.verbs import command_of

    found = resolve_target(subject.declared, subject.plugin.distribution)
    return command_of(subject.name, found, subject.plugin.distribution)


def _all(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield a command and all under it, each with the words that call it."""
    yield name, command
    for inner, one in getattr(command, "commands", {}).items():
        yield from _all(f"{name} {inner}", one)
