"""The section ``registry``: whether registry.toml follows its schema, and what of it cannot be used yet."""

from __future__ import annotations

from visionlaw.doctor.bench import Bench
from visionlaw.doctor.section import Finding, Section
from visionlaw.spacefile import default_path


def examine(bench: Bench) -> Section:
    """Say which registry.toml is in force, and whether it is valid."""
    path = bench.project.space_path
    shipped = path == default_path()
    checked = None if bench.fault else bench.listing().space
    findings: list[Finding] = []
    if bench.fault is not None:
        findings.append(Finding(bench.fault.message, bench.fault.remedy))
    elif checked is not None and "message" in checked:
        findings.append(Finding(checked["message"], checked["remedy"]))
    missing: dict[str, list[str]] = dict((checked or {}).get("missing", {}))
    facts = {"path": str(path), "shipped": shipped, "valid": not findings, "missing": missing}
    rows = [
        ("file", f"{path}{' (shipped)' if shipped else ''}"),
        ("valid", "no" if findings else "yes" if checked is not None else "yes, as far as could be checked"),
        *(("not usable yet", f"{', '.join(ids)} → {remedy}") for remedy, ids in missing.items()),
    ]
    return Section(facts, tuple(rows), tuple(findings))
