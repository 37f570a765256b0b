"""The section ``platform``: the machine, the Python, and where visionlaw is installed."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from visionlaw.doctor.bench import Bench
from visionlaw.doctor.section import Section


def examine(bench: Bench) -> Section:
    """Say on what everything runs."""
    import visionlaw

    facts = {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "executable": sys.executable,
        "environment": _environment(),
        "visionlaw": str(Path(visionlaw.__file__).parent),
        "folder": str(bench.project.root),
    }
    return Section(facts, tuple((name, str(value)) for name, value in facts.items()))


def _environment() -> str:
    if sys.prefix != sys.base_prefix:
        return f"virtual environment {sys.prefix}"
    if (Path(sys.prefix) / "conda-meta").is_dir():
        return f"conda environment {sys.prefix}"
    return "none: the system's own Python"
