"""Everything known about one name: an installed id of any kind, a representation of the space, a published name."""

from __future__ import annotations

from typing import Any

from visionlaw.errors import UnknownIdError, VisionlawError, did_you_mean
from visionlaw.ids import parse_representation
from visionlaw.registry import Registry
from visionlaw.space import SearchSpace
from visionlaw.specs import SPEC_TYPES


def describe(name: str, space: SearchSpace, registry: Registry) -> dict[str, Any]:
    """Describe an id, an alias or a published name.

    Returns:
        ``id``: canonical; ``aliases``: its other names in the space; ``parts``: the facts of each encoder, or of the
        one scorer, sampler…; ``published``: what the publications measured for it, in words.

    Raises:
        UnknownIdError: Nothing has that name.
    """
    for kind in SPEC_TYPES:
        if kind != "encoder":
            entry = next((e for e in registry.entries(kind) if name == e.spec.id or name in e.spec.aliases), None)
            if entry is not None:
                source = {
                    "kind": kind,
                    "plugin": entry.plugin,
                    "distribution": entry.distribution,
                    "version": entry.version,
                }
                facts = {"id": entry.spec.id} | source | entry.spec.model_dump(mode="json", exclude={"id"})
                return {
                    "id": entry.spec.id,
                    "aliases": list(entry.spec.aliases),
                    "parts": [facts],
                    "published": [],
                }
    canonical = _canonical(name, space, registry)
    aliases = [alias for alias, target in space.aliases.items() if target == canonical]
    parts = [_encoder_facts(part, space, registry) for part in canonical.split(" + ")]
    return {"id": canonical, "aliases": aliases, "parts": parts, "published": _published([name, *aliases])}


def _canonical(name: str, space: SearchSpace, registry: Registry) -> str:
    if name.strip() in space.aliases:
        return space.aliases[name.strip()]
    try:
        return space.canonical(name)
    except UnknownIdError:
        pass
    try:
        return registry.canonical(name)
    except UnknownIdError as error:
        known = [*space.aliases, *space.representations, *(e.spec.id for e in registry.entries())]
        raise UnknownIdError(error.message, did_you_mean(name, known) or error.remedy) from None


def _encoder_facts(encoder: str, space: SearchSpace, registry: Registry) -> dict[str, Any]:
    try:
        entry = registry.get("encoder", encoder)
    except VisionlawError as error:
        aliases = [alias for alias, target in space.aliases.items() if target == encoder]
        return {
            "id": encoder,
            "kind": "encoder",
            "aliases": aliases,
            "installed": False,
            "remedy": error.remedy,
        }
    source = {
        "kind": "encoder",
        "plugin": entry.plugin,
        "distribution": entry.distribution,
        "version": entry.version,
    }
    options = {option: str(value) for option, value in parse_representation(encoder)[0].options.items()}
    facts = {"id": encoder, "installed": True} | source | entry.spec.model_dump(mode="json", exclude={"id", "options"})
    return facts | {"options": options}


def _published(names: list[str]) -> list[str]:
    from visionlaw.law.tables import SHIPPED, load_table

    lines: list[str] = []
    for table_name in SHIPPED:
        table = load_table(table_name)
        for name in names:
            if name in table.settings:
                at = table.settings.index(name)
                a = table.A[:, at].mean()
                lines.append(f"{table_name} '{name}': A {a:.3f} ({table.a_definition}), C {table.C[0, at]:.2f}")
    return list(dict.fromkeys(lines))
