"""What the sections look at: the project, its settings, and what its plugins list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from visionlaw.doctor.listing import Listing
from visionlaw.errors import ConfigError
from visionlaw.project import Project
from visionlaw.spacefile import SpaceFile


@dataclass(frozen=True)
class Bench:
    """What the sections look at.

    Attributes:
        project: Where the command runs.
        settings: Its registry.toml; the defaults where it cannot be used.
        fault: Why it cannot be used, or None.
        listing: Waits for, and returns, what the plugins list.
    """

    project: Project
    settings: SpaceFile
    fault: ConfigError | None
    listing: Callable[[], Listing]

    @property
    def disabled(self) -> tuple[str, ...]:
        """Plugins that are not imported, by the command line or by registry.toml."""
        return (*self.project.disabled, *self.settings.plugins.disabled)


def settings_of(project: Project) -> tuple[SpaceFile, ConfigError | None]:
    """Return a project's settings, or the defaults and why its file cannot be used."""
    try:
        return project.file, None
    except ConfigError as error:
        return SpaceFile(), error
