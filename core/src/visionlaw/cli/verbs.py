"""The verbs that plugins add. Plugins are looked for only where core has no verb of that name, and for ``--help``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from visionlaw.errors import NotInstalledError, PluginError, UnknownIdError, VisionlawError

if TYPE_CHECKING:
    from visionlaw.registry import Entry, Registry


class Verbs(TyperGroup):
    """Core's verbs, then those of the plugins, by name."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """List core's verbs, then those of the plugins; called for the help."""
        self._listing = True
        own = super().list_commands(ctx)
        try:
            names = [entry.spec.id for entry in _registry().entries("command")]
        except VisionlawError:  # a registry.toml that cannot be read must not take the help away
            return own
        return [*own, *sorted(name for name in names if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a verb; None where there is none. In the help, one that cannot be loaded says so."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        try:
            registry = _registry()
            return _load(registry.get("command", cmd_name) if self._listing else registry.use("command", cmd_name))
        except NotInstalledError:
            raise
        except UnknownIdError:
            return None
        except VisionlawError as error:
            if not self._listing:
                raise
            return _stub(cmd_name, error.message)


def _load(entry: Entry) -> Any:
    from visionlaw.targets import resolve_target

    return command_of(entry.spec.id, resolve_target(entry.spec, entry.distribution), entry.distribution)


def command_of(name: str, found: Any, distribution: str) -> Any:
    """Return the command that a typer app or a function makes.

    Raises:
        PluginError: It makes none.
    """
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        app.command(name)(found)
        found = app
    try:
        command = typer.main.get_command(found)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"The verb '{name}' of {distribution} is none: {error}.", "Report it to its author."
        ) from error
    command.name = name
    return command


def _stub(name: str, reason: str) -> Any:
    def stub() -> None: ...

    stub.__doc__ = f"Cannot be used: {reason}"
    return command_of(name, stub, "")


def _registry() -> Registry:
    from visionlaw.cli.context import project

    return project().registry
