"""What the plugins are and list, found out in other processes: each alone first, then all that survive together.

Alone, a plugin that hangs or ends Python can be named, and what it costs is its own. Together, it shows who claims the
same id. The functions whose names begin with ``probe`` run in those processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from visionlaw import plugins as loader
from visionlaw.discovery import discover
from visionlaw.doctor.processes import ask
from visionlaw.doctor.section import Finding
from visionlaw.errors import VisionlawError
from visionlaw.guard import describe_error
from visionlaw.plugins import SEVERITY, Plugin, PluginRecord

SECONDS = 30
AT_ONCE = 2
"""So many processes: what a plugin imports may take much memory, and the times of more would say little."""


@dataclass(frozen=True)
class Listing:
    """What the plugins are and list.

    Attributes:
        records: The health of each, the built-in one first.
        encoders: Each encoder's ``id`` and ``plugin``, and whether its weights are ``here``; None: it has none.
        space: What checking registry.toml against them says: what is ``missing``, by remedy, or ``message`` and
            ``remedy``; None where it could not be checked.
        findings: What is wrong and not one plugin's fault.
    """

    records: tuple[PluginRecord, ...]
    encoders: tuple[Mapping[str, Any], ...] = ()
    space: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] = ()


def list_plugins(space_path: Path, disabled: Sequence[str], seconds: float = SECONDS) -> Listing:
    """Import every plugin in a process of its own, then all that survive in one.

    Args:
        space_path: The registry.toml in force.
        disabled: Distribution or entry-point names that must not be imported.
        seconds: How long one process may take.
    """
    found = discover(disabled)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {_key(plugin): pool.submit(_alone, plugin, seconds) for plugin in found}
        alone = {key: job.result() for key, job in jobs.items()}
    survivors = [key for key, record in alone.items() if record.status != "broken"]
    request = {"among": survivors, "disabled": list(disabled), "space_path": str(space_path)}
    together = ask(f"{__name__}:probe_together", request, seconds)
    if together.failure:
        finding = Finding(
            f"Importing all plugins in one process {together.failure}, though each can be imported alone.",
            "Find out which two do not bear each other: visionlaw --no-plugin NAME plugins",
        )
        builtin = loader.builtin_plugin()
        loader.activate(builtin)
        return Listing((builtin.record(), *alone.values()), findings=(finding,))
    records = {(record.name, record.distribution): record for record in map(_record, together.answer["records"])}
    for key, record in alone.items():
        records[key] = _worse(record, records[key]) if key in records else record
    return Listing(tuple(records.values()), tuple(together.answer["encoders"]), together.answer["space"])


def probe_alone(name: str, distribution: str) -> dict[str, Any]:
    """Import one plugin and return its record."""
    for plugin in discover():
        if _key(plugin) == (name, distribution):
            loader.activate(plugin)
            return asdict(plugin.record())
    raise LookupError(f"'{name}' of {distribution} is not found here")


def probe_together(among: Iterable[Sequence[str]], disabled: Sequence[str], space_path: str) -> dict[str, Any]:
    """Import those of the plugins that can be imported alone, and return their records and what they list."""
    from visionlaw.registry import Registry
    from visionlaw.specs import EncoderSpec
    from visionlaw.weights import weights_present

    chosen = {tuple(key) for key in among}
    plugins = [loader.builtin_plugin(), *(p for p in discover(disabled) if _key(p) in chosen)]
    for plugin in plugins:
        loader.activate(plugin)
    space, providers = _read_space(Path(space_path))
    registry = Registry(plugins, providers)
    return {
        "records": [asdict(record) for record in registry.plugins],
        "encoders": [
            {"id": entry.spec.id, "plugin": entry.plugin, "here": weights_present(entry.spec)}
            for entry in registry.entries("encoder")
            if isinstance(entry.spec, EncoderSpec)
        ],
        "space": None if space is None else _check_space(space, Path(space_path), registry),
    }


def _read_space(path: Path) -> tuple[Any, dict[str, str]]:
    from visionlaw.spacefile import default_catalogue, read_space_file

    shipped = {prefix: entry.distribution for prefix, entry in default_catalogue().items()}
    try:
        file = read_space_file(path)
    except VisionlawError:  # the section on registry.toml tells
        return None, shipped
    return file, shipped | file.providers


def _check_space(file: Any, path: Path, registry: Any) -> dict[str, Any]:
    from visionlaw.spacecheck import check_space

    try:
        return {"missing": check_space(file, path, registry)}
    except VisionlawError as error:
        return {"message": error.message, "remedy": error.remedy}
    except Exception as error:  # noqa: BLE001  it must not be taken for a plugin's failure
        return {"message": f"Checking '{path}' failed: {describe_error(error)}.", "remedy": "Report it."}


def _alone(plugin: Plugin, seconds: float) -> PluginRecord:
    if not plugin.usable:
        return plugin.record()
    request = {"name": plugin.name, "distribution": plugin.distribution}
    outcome = ask(f"{__name__}:probe_alone", request, seconds)
    if not outcome.failure:
        return _record(outcome.answer)
    reason = f"Importing '{plugin.entry_point.value}' {outcome.failure}."
    remedy = f"Update {plugin.distribution}; 'visionlaw --no-plugin {plugin.name} …' runs without it."
    return replace(plugin.record(), status="broken", reason=reason, remedy=remedy)


def _worse(alone: PluginRecord, together: PluginRecord) -> PluginRecord:
    """Return what is worse of the two; the ids are those that are left to it beside others, the time is its own."""
    worse = together if SEVERITY.index(together.status) < SEVERITY.index(alone.status) else alone
    return replace(worse, provides=together.provides, seconds=alone.seconds)


def _key(plugin: Plugin) -> tuple[str, str]:
    return plugin.name, plugin.distribution


def _record(fields: dict[str, Any]) -> PluginRecord:
    provides: dict[str, list[str]] = fields.pop("provides")
    return PluginRecord(**fields, provides={kind: tuple(ids) for kind, ids in provides.items()})
