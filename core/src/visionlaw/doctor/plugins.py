"""The section ``plugins``: the health of each, as ``visionlaw plugins`` tells it, crashes and hangs included."""

from __future__ import annotations

from dataclasses import asdict

from visionlaw.doctor.bench import Bench
from visionlaw.doctor.section import Finding, Section
from visionlaw.plugins import PluginRecord


def examine(bench: Bench) -> Section:
    """Say how each plugin fares, alone in a process and beside the others, and what importing it costs."""
    listing = bench.listing()
    findings = [
        Finding(
            f"{record.name} ({'warning' if record.status == 'ok' else record.status}): {record.reason}", record.remedy
        )
        for record in listing.records
        if record.reason and record.status != "disabled"
    ]
    facts = [asdict(record) for record in listing.records]
    return Section(facts, tuple(map(_row, listing.records)), (*findings, *listing.findings))


def _row(record: PluginRecord) -> tuple[str, ...]:
    provides = ", ".join(
        f"{len(ids)} {kind.replace('_', ' ')}{'' if len(ids) == 1 else 's'}" for kind, ids in record.provides.items()
    )
    milliseconds = f"{record.seconds * 1000:.0f} ms"
    return record.name, f"{record.distribution} {record.version}", record.status, milliseconds, provides
