"""The section ``weights``: which encoders' checkpoints are on this machine, and where the hub's cache is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from visionlaw.doctor.bench import Bench
from visionlaw.doctor.folders import measure
from visionlaw.doctor.section import Finding, Section
from visionlaw.errors import InvalidIdError
from visionlaw.hub import hub_cache
from visionlaw.ids import parse_reference, parse_representation

OFFLINE = "HF_HUB_OFFLINE"
MOST_NAMES = 6
"""So many absent encoders of a family are named; --json has them all."""


def examine(bench: Bench) -> Section:
    """Say which weights are here, and whether others may be fetched."""
    encoders = bench.listing().encoders
    offline = os.environ.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE")
    cache = hub_cache()
    held = measure(cache)
    families: dict[str, list[Mapping[str, Any]]] = {}
    for encoder in encoders:
        if encoder["here"] is not None:
            families.setdefault(str(encoder["plugin"]), []).append(encoder)
    absent = [str(encoder["id"]) for encoder in encoders if encoder["here"] is False]
    facts = {
        "hub_cache": str(cache),
        "hub_cache_bytes": held.bytes,
        "hub_cache_measured": held.complete,
        "offline": offline,
        "without_weights": sum(encoder["here"] is None for encoder in encoders),
        "present": [encoder["id"] for encoder in encoders if encoder["here"]],
        "absent": absent,
    }
    rows = [
        ("hub cache", f"{cache}, {held}"),
        (OFFLINE, "set: nothing is fetched" if offline else "not set: weights are fetched when they are needed"),
        ("without any", f"{facts['without_weights']} of {len(encoders)} encoders need none"),
        *((family, _present(members)) for family, members in families.items()),
    ]
    needed = _in_space(bench) & set(absent)
    findings: list[Finding] = []
    if offline and needed:
        findings.append(
            Finding(
                f"{OFFLINE} is set, and the weights of encoders of registry.toml are not on this machine: "
                f"{', '.join(sorted(needed))}.",
                f"Run with {OFFLINE}=0 once, or give folders: --checkpoint ID=FOLDER",
            )
        )
    if cache.exists() and not os.access(cache, os.R_OK | os.X_OK):
        findings.append(
            Finding(f"The hub's cache '{cache}' cannot be read.", "Check its permissions, or set HF_HUB_CACHE.")
        )
    return Section(facts, tuple(rows), tuple(findings))


def _present(members: Sequence[Mapping[str, Any]]) -> str:
    absent = [str(encoder["id"]) for encoder in members if not encoder["here"]]
    text = f"{len(members) - len(absent)} of {len(members)} here"
    if len(absent) in (0, len(members)):
        return text
    more = f" and {len(absent) - MOST_NAMES} more" if len(absent) > MOST_NAMES else ""
    return f"{text}; absent: {', '.join(absent[:MOST_NAMES])}{more}"


def _in_space(bench: Bench) -> set[str]:
    """Return the ids of the encoders that registry.toml names; aliases of plugins are left as they are."""
    space = bench.settings.space
    texts = [*space.representations, *(name for combine in space.combine for name in combine.of)]
    found: set[str] = set()
    for text in texts:
        try:
            found |= {parse_reference(str(part)).base for part in parse_representation(space.aliases.get(text, text))}
        except InvalidIdError:  # the section on registry.toml tells
            continue
    return found
