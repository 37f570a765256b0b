"""The section ``cache``: what is kept of features and similarity rows against its limit, and a quick look for damage.

A quick look reads the beginning of each file, for a few seconds; ``visionlaw cache verify`` reads everything.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from visionlaw.correspondence import rowfiles
from visionlaw.doctor.bench import Bench
from visionlaw.doctor.folders import measure
from visionlaw.doctor.section import Finding, Section, size_text
from visionlaw.features.cache.headers import read_header, shard_paths
from visionlaw.features.cache.index import NAME, open_unwritable

SECONDS = 2.0
VERIFY = "What is damaged is found, removed and computed again when it is needed: visionlaw cache verify"


@dataclass(frozen=True)
class _Shards:
    files: int
    read: int
    unreadable: int


def examine(bench: Bench) -> Section:
    """Say how full the cache is, and whether a part of it is damaged."""
    project, limit = bench.project, bench.settings.cache.limit
    features, rows = measure(project.feature_cache), measure(project.row_cache)
    shards = _shards(project.feature_cache)
    sets = rowfiles.stored(project.row_cache)
    bad_sets = sum(one.rows is None for one in sets)
    index = _index_fault(project.feature_cache / NAME)
    total = features.bytes + rows.bytes
    facts = {
        "folder": str(project.scratch),
        "limit": limit,
        "bytes": total,
        "measured": features.complete and rows.complete,
        "files": shards.files,
        "files_read": shards.read,
        "unreadable_files": shards.unreadable,
        "row_sets": len(sets),
        "unreadable_row_sets": bad_sets,
        "index": index or "ok",
    }
    findings: list[Finding] = []
    if index:
        findings.append(Finding(f"The index of the features in '{project.feature_cache}' is damaged: {index}.", VERIFY))
    if shards.unreadable:
        text = f"{shards.unreadable} of {shards.read} files of features in '{project.feature_cache}' cannot be read."
        findings.append(Finding(text, VERIFY))
    if bad_sets:
        text = f"{bad_sets} of {len(sets)} sets of similarity rows in '{project.row_cache}' cannot be read."
        findings.append(Finding(text, VERIFY))
    if total > limit:
        text = f"The cache holds {size_text(total)}, more than its limit of {size_text(limit)}."
        findings.append(Finding(text, "Make it smaller: visionlaw cache prune"))
    looked = "all looked at" if shards.read == shards.files else f"{shards.read} looked at"
    damage = shards.unreadable + bad_sets
    lines = (
        ("folder", str(project.scratch)),
        ("features", f"{features}, {shards.files} files, {looked}"),
        ("rows", f"{rows}, {len(sets)} sets"),
        ("limit", size_text(limit)),
        ("damage", "none seen" if not damage and not index else f"{damage} unreadable; index: {index or 'ok'}"),
    )
    return Section(facts, lines, tuple(findings))


def _shards(folder: Path) -> _Shards:
    end = time.monotonic() + SECONDS
    files = read = unreadable = 0
    for path in shard_paths(folder):
        files += 1
        if time.monotonic() < end:
            read += 1
            # One that has gone meanwhile is no damage.
            unreadable += read_header(path) is None and path.exists()
    return _Shards(files, read, unreadable)


def _index_fault(path: Path) -> str:
    """Return what is wrong with the index, without repairing it; empty where nothing is, or where there is none."""
    if not path.is_file():
        return ""
    try:
        with contextlib.closing(open_unwritable(path)) as connection:
            connection.execute("PRAGMA busy_timeout = 1000")
            connection.execute("SELECT (SELECT count(*) FROM shards), (SELECT bytes FROM total)").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):  # somebody is writing to it, which is a sign of health
            return ""
        return str(error)
    except sqlite3.Error as error:
        return str(error)
    return ""
