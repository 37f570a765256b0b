"""Discovery: one scan of the installed distributions finds every plugin, and imports none.

What can be known without importing is known here: a hook API that core does not speak, a version pin that core does not
meet, a plugin that is disabled, a name that two distributions claim.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from visionlaw._version import __version__
from visionlaw.guard import describe_error
from visionlaw.hookspecs import API_VERSION, ENTRY_POINT_GROUP, OLDEST_SUPPORTED, PROJECT
from visionlaw.plugins import BUILTIN, Plugin, Problem

DISABLE_VARIABLE = "VISIONLAW_DISABLE_PLUGINS"
WHERE_DISABLED = f"Take it out of --no-plugin, {DISABLE_VARIABLE} or [plugins] disabled in registry.toml."


def normalise(name: str) -> str:
    """Return the normalised form of a distribution name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def disabled_by_environment() -> tuple[str, ...]:
    """Return the names listed, comma-separated, in ``VISIONLAW_DISABLE_PLUGINS``."""
    return tuple(n.strip() for n in os.environ.get(DISABLE_VARIABLE, "").split(",") if n.strip())


def discover(disabled: Iterable[str] = ()) -> list[Plugin]:
    """Find every plugin that is installed, without importing any.

    Args:
        disabled: Distribution names or entry-point names that must not be imported.

    Returns:
        Plugins sorted by name; those that cannot be used carry the problem already.
    """
    off = {normalise(name) for name in (*disabled, *disabled_by_environment())}
    plugins: list[Plugin] = []
    seen: dict[str, str] = {}
    for distribution in metadata.distributions():
        text, name, version = _read(distribution)
        if f"{PROJECT}.v" not in text or not name:
            continue
        if normalise(name) in seen:
            # The first one on sys.path is what an import finds; a second copy of the same version is an editable
            # install seen twice.
            if version != seen[normalise(name)]:
                _warn_of_second_copy(plugins, name, version)
            continue
        seen[normalise(name)] = version
        try:
            plugins += _plugins_of(distribution, name, version)
        except Exception as error:  # noqa: BLE001  importlib.metadata raises anything on a damaged file
            plugins.append(_damaged(name, version, error))
    for plugin in plugins:
        if off & {normalise(plugin.name), normalise(plugin.distribution)}:
            plugin.problems[:] = [Problem("disabled", "Disabled by you.", WHERE_DISABLED)]
    _refuse_shared_names(plugins)
    return sorted(plugins, key=lambda p: (p.name, p.distribution))


def _read(distribution: metadata.Distribution) -> tuple[str, str, str]:
    """Return the text of entry_points.txt, name and version, empty where they cannot be read.

    The name of a distribution whose METADATA is damaged is that of its folder.
    """
    try:
        text = distribution.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):
        text = f"{PROJECT}.v" if _folder_name(distribution).startswith(PROJECT) else ""
    if f"{PROJECT}.v" not in text:
        return "", "", ""
    try:
        fields = distribution.metadata
        name, version = fields["Name"], fields["Version"]
    except Exception:  # noqa: BLE001  importlib.metadata raises anything on a damaged file
        name, version = None, None
    return text, name or _folder_name(distribution), version or "?"


def _folder_name(distribution: metadata.Distribution) -> str:
    folder = Path(str(getattr(distribution, "_path", ""))).name
    return folder.split("-")[0].replace("_", "-")


def _damaged(name: str, version: str, error: Exception) -> Plugin:
    plugin = Plugin(name, name, version, metadata.EntryPoint(name, "", ENTRY_POINT_GROUP))
    plugin.fail(
        "broken",
        f"Its installed metadata is damaged: {describe_error(error)}.",
        f"python -m pip install --force-reinstall {name}",
        "metadata",
    )
    return plugin


def _warn_of_second_copy(plugins: list[Plugin], name: str, version: str) -> None:
    for plugin in plugins:
        if normalise(plugin.distribution) == normalise(name):
            plugin.fail(
                "ok",
                f"A second copy of {name}, version {version}, is installed behind it and ignored.",
                f"Uninstall until it is gone, then install once: python -m pip uninstall {name}",
            )


def _plugins_of(distribution: metadata.Distribution, name: str, version: str) -> list[Plugin]:
    groups: dict[str, list[metadata.EntryPoint]] = {}
    for entry_point in distribution.entry_points:
        if re.fullmatch(rf"{PROJECT}\.v[0-9]+", entry_point.group):
            groups.setdefault(entry_point.group, []).append(entry_point)
    if ENTRY_POINT_GROUP in groups:
        plugins = [Plugin(ep.name, name, version, ep) for ep in groups[ENTRY_POINT_GROUP]]
        unmet = _unmet_pin(distribution.requires or [])
        if unmet is not None:
            reason = f"{name} {version} needs '{unmet}', but core is {__version__}."
            for plugin in plugins:
                plugin.fail("incompatible", reason, _other_version(unmet, name), "core-version")
        return plugins
    plugins: list[Plugin] = []
    for group, entry_points in groups.items():
        for ep in entry_points:
            plugin = Plugin(ep.name, name, version, ep)
            plugin.fail(
                "incompatible",
                f"{name} {version} speaks hook API '{group}', core {__version__} speaks '{PROJECT}.v{API_VERSION}'.",
                f"python -m pip install --upgrade {PROJECT} {name}",
                "core-version",
            )
            plugins.append(plugin)
    return plugins


def _unmet_pin(requirements: Iterable[str]) -> str | None:
    """Return the first requirement on core that this core does not meet."""
    for text in requirements:
        if not re.match(rf"{PROJECT}(?![\w.\-])", text):
            continue
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return text
        # Without an extra in force, a requirement marked `extra == …` does not apply.
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            return text
    return None


def _other_version(unmet: str, name: str) -> str:
    """Return the remedy for a requirement that this core does not meet: a newer core, or a newer plugin."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    newer_plugin = f"python -m pip install --upgrade {name}"
    core = Version(__version__)
    try:
        pins = [pin for pin in Requirement(unmet).specifier if not pin.contains(core, prereleases=True)]
        bounds = [Version(pin.version.removesuffix(".*")) for pin in pins]
    except ValueError:
        return newer_plugin
    if max(bounds) > core:
        return f"python -m pip install --upgrade {PROJECT}"
    if max(bounds) < Version(OLDEST_SUPPORTED):
        return newer_plugin
    return f"{newer_plugin} (its author may widen the pin: core runs plugins built for {OLDEST_SUPPORTED} and later)"


def _refuse_shared_names(plugins: list[Plugin]) -> None:
    """Refuse every plugin whose entry-point name another distribution claims too: the prefix would be ambiguous."""
    by_name: dict[str, list[Plugin]] = {}
    for plugin in plugins:
        if plugin.usable:
            by_name.setdefault(plugin.name, []).append(plugin)
    for name, claimants in by_name.items():
        if len(claimants) == 1 and name != BUILTIN:
            continue
        who = " and ".join(sorted({p.distribution for p in claimants}))
        for plugin in claimants:
            plugin.fail(
                "conflict",
                f"The name '{name}' is claimed by {who}{' and core' if name == BUILTIN else ''}; none of them gets it.",
                f"Uninstall one, or disable it: --no-plugin {plugin.distribution}",
            )
