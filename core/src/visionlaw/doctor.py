"""Health checks that must survive what they check: each plugin is imported in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace

from visionlaw import plugins as loader
from visionlaw.discovery import discover
from visionlaw.libraries import NUMERIC, library_versions
from visionlaw.plugins import Plugin, PluginRecord
from visionlaw.registry import Registry

TIMEOUT_SECONDS = 60
LIBRARIES = (
    "visionlaw",
    "pluggy",
    "pydantic",
    *NUMERIC,
    "timm",
    "transformers",
    "diffusers",
    "open_clip_torch",
)


def examine(disabled: Iterable[str] = (), timeout: float = TIMEOUT_SECONDS) -> tuple[PluginRecord, ...]:
    """Check every plugin in a subprocess: one that hangs, or ends Python itself, becomes a ``broken`` record.

    Args:
        disabled: Distribution or entry-point names that must not be imported.
        timeout: Seconds that one plugin may take.
    """
    survivors: list[Plugin] = [loader.builtin_plugin()]
    lost: list[PluginRecord] = []
    for plugin in discover(disabled):
        reason = _crash(plugin, timeout) if plugin.usable else ""
        if reason:
            record = plugin.record()
            remedy = f"Update {plugin.distribution}; 'visionlaw --no-plugin {plugin.name} …' runs without it."
            lost.append(replace(record, status="broken", reason=reason, remedy=remedy))
        else:
            survivors.append(plugin)
    for plugin in survivors:
        loader.activate(plugin)
    return (*Registry(survivors).plugins, *lost)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that people are asked about, those that are installed."""
    return {"python": sys.version.split()[0], **library_versions(LIBRARIES)}


def _crash(plugin: Plugin, timeout: float) -> str:
    """Return how importing the plugin kills or blocks a process, or empty text; ordinary exceptions are no crash."""
    arguments = json.dumps({"name": plugin.name, "distribution": plugin.distribution})
    command = [sys.executable, "-c", "from visionlaw.doctor import probe; probe()", arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"Importing '{plugin.entry_point.value}' did not end within {timeout:.0f} s."
    if done.returncode < 0:
        return f"Importing '{plugin.entry_point.value}' ended Python with signal {-done.returncode}."
    try:
        json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return f"Importing '{plugin.entry_point.value}' ended Python with exit code {done.returncode}."
    return ""


def probe() -> None:
    """Run in the subprocess: import one plugin and print its record."""
    wanted = json.loads(sys.argv[1])
    for plugin in discover():
        if {"name": plugin.name, "distribution": plugin.distribution} == wanted:
            loader.activate(plugin)
            sys.stdout.write(json.dumps(asdict(plugin.record())) + "\n")
            sys.stdout.flush()
