"""Everything known about one name: an installed id of any kind, a representation of the space, a published name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from visionlaw.errors import UnknownIdError, VisionlawError, did_you_mean
from visionlaw.ids import parse_reference, split_representation
from visionlaw.registry import Entry, Registry
from visionlaw.space import SearchSpace
from visionlaw.weights import weights_present


def describe(name: str, space: SearchSpace, registry: Registry) -> dict[str, Any]:
    """Describe an id, an alias or a published name.

    Returns:
        ``id``: canonical; ``aliases``: its other names; ``parts``: the facts of each encoder, or of the one scorer,
        sampler…; ``published``: what the publications measured for it, in words.

    Raises:
        UnknownIdError: Nothing has that name.
        InvalidIdError: It is no id, or has an option that does not exist.
    """
    entry = None if name.strip() in space.aliases else _other_kind(name, registry)
    if entry is not None:
        identifier = registry.canonical(entry.spec.kind, name)
        parts = [_facts(entry, identifier) | {"options": _described_options(entry)}]
        return {"id": identifier, "aliases": list(entry.spec.aliases), "parts": parts, "published": []}
    canonical = space.canonical(name)
    aliases = [alias for alias, target in space.aliases.items() if target == canonical]
    facts = [_encoder(part, space, registry) for part in split_representation(canonical)]
    return {"id": canonical, "aliases": aliases, "parts": facts, "published": _published([name, *aliases])}


def _other_kind(name: str, registry: Registry) -> Entry | None:
    """Find a scorer, sampler, data set… of that name."""
    base = parse_reference(name).base if "+" not in name else name
    for entry in registry.entries():
        if entry.spec.kind != "encoder" and (base == entry.spec.id or base in entry.spec.aliases):
            return entry
    return None


def _encoder(encoder: str, space: SearchSpace, registry: Registry) -> dict[str, Any]:
    """Return the facts of an encoder; of one that belongs to the space also where its plugin cannot be used."""
    try:
        entry = registry.get("encoder", encoder)
        options = registry.options("encoder", encoder)
    except VisionlawError as error:
        if encoder in space.encoders():
            aliases = [alias for alias, target in space.aliases.items() if target == encoder]
            why = {"installed": False, "reason": error.message, "remedy": error.remedy}
            return {"id": encoder, "kind": "encoder", "aliases": aliases} | why
        if type(error) is not UnknownIdError:
            raise
        names = [*space.aliases, *space.encoders(), *(entry.spec.id for entry in registry.entries())]
        remedy = did_you_mean(encoder, names) or "See what there is: visionlaw list"
        raise UnknownIdError(f"Nothing is called '{encoder}'.", remedy) from None
    chosen = {option: str(value) for option, value in options.items()}
    spec = registry.encoder_spec(encoder)
    facts = _facts(replace(entry, spec=spec), encoder) | {"options": chosen or _described_options(entry)}
    present = weights_present(spec)
    return facts if present is None else facts | {"weights": "on this machine" if present else "not on this machine"}


def _facts(entry: Entry, identifier: str) -> dict[str, Any]:
    spec = entry.spec.model_dump(mode="json", exclude={"id", "options", "variants", "files"})
    return {"id": identifier, "installed": True} | entry.source | spec


def _described_options(entry: Entry) -> dict[str, str]:
    options = entry.spec.options.items()
    return {name: f"{'|'.join(o.choices) or o.type}, default {o.default}: {o.description}" for name, o in options}


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
