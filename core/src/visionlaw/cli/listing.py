"""Verbs that show what is installed: list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import note, print_json, write, write_columns

if TYPE_CHECKING:
    from visionlaw.plugins import PluginRecord
    from visionlaw.registry import Entry
    from visionlaw.specs import EncoderSpec, Kind


def list_(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="encoder, dataset, scorer, sampler…; all without it.")
    ] = None,
    search: Annotated[str, typer.Option(help="Only what has this text in its id, alias, tag or description.")] = "",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what the installed plugins provide.

    Example: visionlaw list encoder --search dino
    """
    wanted = _kind(kind)
    registry = project(space).registry
    entries = registry.search(search, wanted) if search else registry.entries(wanted)
    if as_json:
        print_json([_row(entry) for entry in entries])
    else:
        _print_entries(entries)
    _mention_problems(registry.plugins)


def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="An id, an alias, or a published name such as clip@336.")],
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything known about an id, an alias or a published name.

    Example: visionlaw show clip@336
    """
    from visionlaw.lookup import describe

    here = project(space)
    found = describe(name, here.space, here.registry)
    if as_json:
        print_json(found)
        return
    for part in found["parts"]:
        _print_facts(part)
    if len(found["parts"]) > 1:
        write(f"Combination: {found['id']}")
    if found["published"]:
        write("Published: " + "; ".join(found["published"]))


def _kind(text: str | None) -> Kind | None:
    from visionlaw.errors import UnknownIdError, did_you_mean
    from visionlaw.specs import SPEC_TYPES

    if text is None:
        return None
    word = text.lower().replace("-", "_")
    for candidate in (word, word.removesuffix("s")):
        if candidate in SPEC_TYPES:
            return candidate
    raise UnknownIdError(
        f"There is no kind '{text}'.",
        did_you_mean(word, SPEC_TYPES) or f"Kinds: {', '.join(SPEC_TYPES)}.",
    )


def _row(entry: Entry) -> dict[str, Any]:
    from visionlaw.specs import EncoderSpec
    from visionlaw.weights import weights_present

    facts = {"id": entry.spec.id} | entry.source | entry.spec.model_dump(mode="json", exclude={"id"})
    if isinstance(entry.spec, EncoderSpec):
        facts["weights_present"] = weights_present(entry.spec)
    return facts


def _print_entries(entries: tuple[Entry, ...]) -> None:
    encoders = [e for e in entries if e.spec.kind == "encoder"]
    others = [e for e in entries if e.spec.kind != "encoder"]
    if not entries:
        write("Nothing installed provides that. Plugins: visionlaw plugins")
    if encoders:
        headers = ("ENCODER", "PX", "GRID", "C", "PARAMETERS", "WEIGHTS", "LICENCE", "PLUGIN")
        write_columns(headers, [_encoder_cells(entry) for entry in encoders])
    if encoders and others:
        write()
    if others:
        rows = [(e.spec.kind.replace("_", " "), e.spec.id, _source(e), e.spec.description) for e in others]
        write_columns(("KIND", "ID", "PLUGIN", "WHAT IT IS"), rows)


def _encoder_cells(entry: Entry) -> tuple[str, ...]:
    from visionlaw.weights import weights_present

    spec = cast("EncoderSpec", entry.spec)
    grid = "×".join(map(str, spec.grid))
    size = "?" if spec.parameters is None else _short(spec.parameters)
    weights = {True: "here", False: "absent", None: "none"}[weights_present(spec)]
    return spec.id, str(spec.resolution), grid, str(spec.channels), size, weights, spec.license or "?", _source(entry)


def _source(entry: Entry) -> str:
    return f"{entry.distribution} {entry.version}"


def _print_facts(facts: dict[str, Any]) -> None:
    write(facts["id"])
    for key, value in facts.items():
        if key != "id" and value not in (None, "", [], {}, ()):
            for line in _lines(key, value):
                write(f"  {key:<14} {line}")
    write()


def _lines(key: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{name} ({text})" for name, text in cast("dict[str, str]", value).items()]
    if isinstance(value, list):
        return [("×" if key == "grid" else ", ").join(map(str, cast("list[Any]", value)))]
    return [str(value)]


def _mention_problems(records: tuple[PluginRecord, ...]) -> None:
    bad = [r for r in records if r.reason and r.status != "disabled"]
    if bad:
        names = ", ".join(f"{r.name} ({r.status if r.status != 'ok' else 'warning'})" for r in bad)
        note(f"Plugins that need attention: {names}. See why: visionlaw plugins")


def _short(count: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)
