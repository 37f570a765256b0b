"""The section ``disk``: what is free where results, features, weights and temporary files are kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from visionlaw.datasets.cachefolder import cache_folder
from visionlaw.doctor.bench import Bench
from visionlaw.doctor.folders import nearest
from visionlaw.doctor.section import Finding, Section, size_text
from visionlaw.hub import hub_cache

LEAST_FREE = 10 * 10**9
WEIGHTS = "weights"


def examine(bench: Bench) -> Section:
    """Say how much is free, and whether it can be written to."""
    places = {
        "results and features": bench.project.state_dir,
        WEIGHTS: hub_cache(),
        "indexes of data sets": cache_folder(),
        "temporary files": Path(tempfile.gettempdir()),
    }
    facts: dict[str, dict[str, object]] = {}
    rows: list[tuple[str, ...]] = []
    full: dict[int, tuple[list[str], int]] = {}
    findings: list[Finding] = []
    for name, place in places.items():
        folder = nearest(place)
        usage, writable = shutil.disk_usage(folder), os.access(folder, os.W_OK)
        facts[name] = {"path": str(place), "free": usage.free, "total": usage.total, "writable": writable}
        rows.append((name, str(place), f"{size_text(usage.free)} of {size_text(usage.total)} free"))
        if usage.free < LEAST_FREE:
            full.setdefault(folder.stat().st_dev, ([], usage.free))[0].append(f"{name} ({place})")
        if not writable and name != WEIGHTS:  # which many share, and few may write
            text = f"'{folder}', where {name} are kept, cannot be written to."
            findings.append(Finding(text, "Check its permissions, or keep them elsewhere."))
    for names, free in full.values():
        text = f"Only {size_text(free)} are free on the disk of {', '.join(names)}."
        findings.append(Finding(text, "Free some space, for instance: visionlaw cache prune --max-size 1GB"))
    return Section(facts, tuple(rows), tuple(findings))
