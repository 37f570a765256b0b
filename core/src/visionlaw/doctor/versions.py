"""The section ``versions``: the libraries that matter, those that plugins require among them, and what is lacking."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from visionlaw.discovery import discover
from visionlaw.doctor.bench import Bench
from visionlaw.doctor.section import Finding, Section
from visionlaw.hookspecs import PROJECT
from visionlaw.libraries import NUMERIC, library_versions

LIBRARIES = ("visionlaw", "pluggy", "pydantic", *NUMERIC, "timm", "transformers", "diffusers", "open_clip_torch")
"""Those that people are asked about, whatever requires them."""


def examine(bench: Bench) -> Section:
    """Say which versions are installed, and which requirements of core and of plugins they do not meet."""
    plugins = {plugin.distribution for plugin in discover(bench.disabled) if plugin.usable}
    named = {canonicalize_name(name): name for name in LIBRARIES}
    findings: list[Finding] = []
    told: set[str] = set()
    for distribution in sorted({PROJECT, *plugins}, key=lambda name: (name != PROJECT, name)):
        for requirement in _requirements(distribution, "", frozenset()):
            named.setdefault(canonicalize_name(requirement.name), requirement.name)
            finding = _unmet(distribution, requirement)
            if finding is not None and finding.remedy not in told:
                told.add(finding.remedy)
                findings.append(finding)
    facts = {"python": sys.version.split()[0], **library_versions(named.values())}
    return Section(facts, tuple(facts.items()), tuple(findings))


def _requirements(distribution: str, extra: str, seen: frozenset[tuple[str, str]]) -> Iterator[Requirement]:
    """Yield what a distribution requires, and what the extras of ours that it names require.

    What other libraries require themselves is for ``pip check``.
    """
    if (distribution, extra) in seen:
        return
    try:
        texts = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # discovery tells where it is one on core; other tools tell the rest
            continue
        here = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if not here or (extra and "extra" not in str(requirement.marker)):
            continue
        yield requirement
        if canonicalize_name(requirement.name).startswith(PROJECT):
            for name in requirement.extras:
                yield from _requirements(requirement.name, name, seen | {(distribution, extra)})


def _unmet(distribution: str, requirement: Requirement) -> Finding | None:
    installed = library_versions([requirement.name]).get(requirement.name)
    wanted = f"{requirement.name}{requirement.specifier}"
    remedy = f"python -m pip install --upgrade '{wanted}'"
    if installed is None:
        return Finding(f"{distribution} requires {wanted}, which is not installed.", remedy)
    if not requirement.specifier.contains(installed, prereleases=True):
        return Finding(f"{distribution} requires {wanted}, and {installed} is installed.", remedy)
    return None
