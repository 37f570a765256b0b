"""Where a number comes from: the versions and the command behind a run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

from visionlaw import __version__
from visionlaw.libraries import library_versions


def run_provenance(
    command: Sequence[str] = (),
    *,
    plugins: Mapping[str, str] | None = None,
    seed: int | None = None,
    protocol: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Describe a run: visionlaw, the plugins' distributions, the libraries and the command, as JSON values.

    Versions are read from the installed metadata: nothing is imported.

    Args:
        command: The words of the command line; empty when called from Python.
        plugins: Distribution → version of the plugins that took part.
        seed: The seed of the run, where chance took part.
        protocol: The protocol of the numbers, such as ``strict``.
        more: Anything else that would change the numbers; JSON values.
    """
    return {
        "visionlaw": __version__,
        "plugins": dict(sorted((plugins or {}).items())),
        "libraries": library_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "seed": seed,
        "protocol": protocol,
        "command": list(command),
        **more,
    }
