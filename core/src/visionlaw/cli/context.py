"""Where a command runs: the project, with the options that stand before the verb."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.output import note
from visionlaw.project import Project

if TYPE_CHECKING:
    from visionlaw.registry import Registry

SpaceOption = Annotated[
    Path | None, typer.Option("--space", help="Use this registry.toml instead of the nearest one upwards.")
]
"""The option ``--space`` of a verb that works in a project."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
"""The option ``--json`` of a verb that shows data."""


@dataclass
class Settings:
    """The options that stand before the verb."""

    disabled: tuple[str, ...] = ()
    debug: bool = False


settings = Settings()


class CommandProject(Project):
    """A project that tells when ``--no-plugin`` names nothing."""

    @cached_property
    def registry(self) -> Registry:
        """What is installed."""
        from visionlaw.discovery import normalise

        registry = super().registry
        installed = {normalise(name) for p in registry.plugins for name in (p.name, p.distribution)}
        for name in self.disabled:
            if normalise(name) not in installed:
                note(f"--no-plugin {name}: no plugin of that name is installed.")
        return registry


def project(space: Path | None = None) -> Project:
    """Return the project of the working directory.

    Args:
        space: A registry.toml to use instead of the nearest one upwards; the project is then that file's folder.
    """
    return CommandProject.find(space, settings.disabled)
