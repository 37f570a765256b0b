"""The section ``store``: whether the results can be opened, which schema they follow, and how many there are.

It is looked at in a process of its own: a database may be busy, behind a network that does not answer, or reached
through a driver that crashes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from visionlaw.doctor.bench import Bench
from visionlaw.doctor.processes import ask
from visionlaw.doctor.section import Finding, Section
from visionlaw.errors import StoreError

SECONDS = 20
VARIABLE = "VISIONLAW_STORE"
FILE_NAME = "results.sqlite"


def examine(bench: Bench) -> Section:
    """Say whether the store opens, and what is in it."""
    place = os.environ.get(VARIABLE) or str(bench.project.state_dir / FILE_NAME)
    outcome = ask(f"{__name__}:probe", {"state_dir": str(bench.project.state_dir)}, SECONDS)
    if outcome.failure:
        finding = Finding(
            f"Looking into the store '{place}' {outcome.failure}.",
            "Another process may keep it busy, or its server cannot be reached: repeat the command later, or see "
            f"where {VARIABLE} points.",
        )
        return Section(
            {"store": place, "failed": outcome.failure}, (("store", place), ("failed", outcome.failure)), (finding,)
        )
    facts: dict[str, Any] = outcome.answer
    findings: list[Finding] = []
    if "message" in facts:
        findings.append(Finding(facts.pop("message"), facts.pop("remedy")))
    rows = [("store", place)]
    if facts.get("exists"):
        rows += [("schema", f"{facts['schema']}, made by {facts['made_by']}")]
        rows += [("holds", f"{facts['scores']} scores, {facts['studies']} studies, {facts['runs']} runs")]
    else:
        rows += [("state", findings[0].message if findings else "nothing is stored yet")]
    return Section({"store": place} | facts, tuple(rows), tuple(findings))


def probe(state_dir: str) -> dict[str, Any]:
    """Run in a process of its own: open the store, count, and have the database check itself."""
    from sqlalchemy import func, select, text

    from visionlaw.store.schema import Meta, Run, Score, StudyRecord
    from visionlaw.store.store import Store

    try:
        with Store.of_project(Path(state_dir), create=False) as store:
            if not store.exists:
                return {"exists": False}
            with store.reading() as session:
                meta = session.execute(select(Meta.schema_version, Meta.created_by)).one()
                if session.get_bind().dialect.name == "sqlite":
                    said = session.execute(text("PRAGMA quick_check(1)")).scalar_one()
                    if said != "ok":
                        raise StoreError(
                            f"The store '{store.name}' is damaged: {said}.",
                            "Keep a copy of it, then move it away; 'sqlite3 FILE .recover' saves what can be read.",
                        )
                counts = {
                    name: session.execute(select(func.count()).select_from(table)).scalar_one()
                    for name, table in (("scores", Score), ("studies", StudyRecord), ("runs", Run))
                }
            return {"exists": True, "schema": meta.schema_version, "made_by": meta.created_by, **counts}
    except StoreError as error:
        return {"exists": False, "message": error.message, "remedy": error.remedy}
