"""Where a command runs: the project's folder, its registry.toml, and what is installed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.output import note

if TYPE_CHECKING:
    from visionlaw.registry import Registry
    from visionlaw.space import SearchSpace
    from visionlaw.spacefile import SpaceFile

SpaceOption = Annotated[
    Path | None, typer.Option("--space", help="Use this registry.toml instead of the nearest one upwards.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@dataclass
class Settings:
    """The options that stand before the verb."""

    disabled: tuple[str, ...] = ()
    debug: bool = False


settings = Settings()


@dataclass
class Project:
    """A project folder; everything is read on first use.

    Attributes:
        space_path: The registry.toml in force, the shipped one where the project has none.
        root: The folder that holds the project's results in ``.visionlaw/``: that of its registry.toml.
        disabled: Plugins disabled on the command line.
    """

    space_path: Path
    root: Path
    disabled: tuple[str, ...] = field(default=())

    @cached_property
    def file(self) -> SpaceFile:
        """The validated registry.toml."""
        from visionlaw.spacefile import read_space_file

        return read_space_file(self.space_path)

    @cached_property
    def registry(self) -> Registry:
        """What is installed."""
        from visionlaw.discovery import normalise
        from visionlaw.registry import Registry

        disabled = (*self.disabled, *self.file.plugins.disabled)
        registry = Registry.discover(disabled=disabled, catalogue=self.file.catalogue)
        installed = {normalise(name) for p in registry.plugins for name in (p.name, p.distribution)}
        for name in self.disabled:
            if normalise(name) not in installed:
                note(f"--no-plugin {name}: no plugin of that name is installed.")
        return registry

    @cached_property
    def space(self) -> SearchSpace:
        """The search space, with the installed plugins known."""
        from visionlaw.space import SearchSpace

        return SearchSpace(self.file, self.registry, self.space_path)

    @property
    def state_dir(self) -> Path:
        """Where results and caches are kept."""
        return self.root / ".visionlaw"


def project(space: Path | None = None) -> Project:
    """Return the project of the working directory.

    Args:
        space: A registry.toml to use instead of the nearest one upwards; the project is then that file's folder.
    """
    from visionlaw.spacefile import default_path, find_path

    here = Path.cwd()
    if space is not None:
        return Project(space, space.resolve().parent, settings.disabled)
    nearest = find_path(here)
    if nearest is None:
        return Project(default_path(), here, settings.disabled)
    return Project(nearest, nearest.parent, settings.disabled)
