"""What this plugin offers visionlaw: the lab's images, its encoders, and the verb ``lab``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import CommandSpec


@hookimpl
def visionlaw_commands() -> Iterator[CommandSpec]:
    """List the verb that runs the lab."""
    yield CommandSpec(
        id="lab",
        target="visionlaw_lab.cli:app",
        description="The law in vitro: the whole loop in a small world.",
    )
