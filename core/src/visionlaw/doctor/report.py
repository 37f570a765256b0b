"""The report as a whole: all sections at once, none of which can end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from visionlaw.doctor import (
    cache,
    disk,
    environment,
    gpu,
    machine,
    plugins,
    registry,
    store,
    versions,
    weights,
)
from visionlaw.doctor.bench import Bench, settings_of
from visionlaw.doctor.listing import list_plugins
from visionlaw.doctor.privacy import censor
from visionlaw.doctor.section import Finding, Section
from visionlaw.errors import VisionlawError
from visionlaw.guard import describe_error
from visionlaw.project import Project

SECTIONS: Mapping[str, Callable[[Bench], Section]] = {
    "platform": machine.examine,
    "versions": versions.examine,
    "plugins": plugins.examine,
    "weights": weights.examine,
    "cache": cache.examine,
    "store": store.examine,
    "registry": registry.examine,
    "gpu": gpu.examine,
    "disk": disk.examine,
    "environment": environment.examine,
}


@dataclass(frozen=True)
class Report:
    """What has been found, without secrets and home folders.

    Attributes:
        sections: By name, in the order in which they are shown.
    """

    sections: Mapping[str, Section]

    @property
    def problems(self) -> tuple[tuple[str, Finding], ...]:
        """All that is wrong, with the section that says so."""
        return tuple((name, finding) for name, section in self.sections.items() for finding in section.findings)


def examine(project: Project) -> Report:
    """Examine everything; takes a few seconds, and longer where something hangs."""
    settings, fault = settings_of(project)
    disabled = (*project.disabled, *settings.plugins.disabled)
    # A thread for each, since a section may wait for the listing.
    with ThreadPoolExecutor(len(SECTIONS) + 1) as pool:
        listing = pool.submit(list_plugins, project.space_path, disabled)
        bench = Bench(project, settings, fault, listing.result)
        jobs = {name: pool.submit(_guarded, name, section, bench) for name, section in SECTIONS.items()}
        sections = {name: job.result() for name, job in jobs.items()}
    clean = censor()
    return Report({name: _cleaned(section, clean) for name, section in sections.items()})


def _guarded(name: str, section: Callable[[Bench], Section], bench: Bench) -> Section:
    try:
        return section(bench)
    except VisionlawError as error:
        finding = Finding(error.message, error.remedy)
    except BaseException as error:  # noqa: BLE001  the other sections go on
        finding = Finding(f"The section '{name}' of this report failed: {describe_error(error)}.", "Report it.")
    return Section({"failed": finding.message}, (("failed", finding.message),), (finding,))


def _cleaned(section: Section, clean: Callable[[str], str]) -> Section:
    findings = tuple(Finding(clean(finding.message), clean(finding.remedy)) for finding in section.findings)
    rows = tuple(tuple(clean(cell) for cell in row) for row in section.rows)
    return Section(_cleaned_facts(section.facts, clean), rows, findings)


def _cleaned_facts(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(str(key)): _cleaned_facts(item, clean) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list() | tuple():
            return [_cleaned_facts(item, clean) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value
