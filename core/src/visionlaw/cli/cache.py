"""``visionlaw cache``: what is kept of computed features and rows, whether it is whole, and making it smaller."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import console, note, plural, print_json, write, write_columns
from visionlaw.errors import DataError

if TYPE_CHECKING:
    from visionlaw.correspondence.rowfiles import StoredRows
    from visionlaw.features.cache.upkeep import EncoderSummary

app = typer.Typer(no_args_is_help=True)

_DECIMAL = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


@app.callback()
def cache() -> None:
    """The features and similarity rows that are kept between runs."""


@app.command("ls")
def list_(space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Show the encoders whose features are kept, the largest first, and the sets of similarity rows made of them.

    Example: visionlaw cache ls
    """
    from dataclasses import asdict

    from visionlaw.correspondence.rowfiles import stored
    from visionlaw.features.cache.upkeep import summaries

    here = project(space)
    folder, limit = here.feature_cache, here.file.cache.limit
    found, sets = summaries(folder), sorted(stored(here.row_cache), key=lambda one: -one.bytes)
    if as_json:
        encoders, rows = [asdict(summary) for summary in found], [_row_facts(one) for one in sets]
        print_json({"folder": str(folder), "limit": limit, "encoders": encoders, "rows": rows})
        return
    if found:
        write_columns(("ENCODER", "PRECISION", "IMAGES", "SIZE", "LAST USED", "VERSION"), [_cells(s) for s in found])
        write()
    if sets:
        headers = ("ROWS OF", "PRECISION", "PAIRS", "KEYPOINTS", "GRID", "PROTOCOL", "SIZE", "LAST USED", "VERSION")
        write_columns(headers, [_row_cells(one) for one in sets])
        write()
    features, rows = sum(summary.bytes for summary in found), sum(one.bytes for one in sets)
    write(
        f"{here.scratch}: {size_text(features + rows)} of at most {size_text(limit)}: "
        f"{size_text(features)} of features, {size_text(rows)} of rows."
    )


@app.command()
def verify(space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Read all that is kept, remove what is damaged or left over, and mend the index. Other commands may run meanwhile.

    Example: visionlaw cache verify
    """
    from dataclasses import asdict

    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.correspondence.rowfiles import verify as read_rows
    from visionlaw.features.cache.verify import verify as read_features

    here = project(space)
    folder = here.feature_cache
    screen = console(stderr=True)
    with screen.status("Reading…") as status:
        found = read_features(folder, lambda done, total: status.update(f"Read {done} of {total} files of features"))
        rows = read_rows(here.row_cache, lambda done, total: status.update(f"Read {done} of {total} sets of rows"))
    if as_json:
        print_json({"folder": str(folder)} | asdict(found) | asdict(rows))
        return
    write(f"{folder}: features of {plural(found.images, 'image')} in {plural(found.shards, 'file')} are whole.")
    write(f"{here.row_cache}: {plural(rows.row_sets, 'whole set')} of similarity rows.")
    if found.damaged_shards:
        write(
            f"Removed: {plural(found.damaged_shards, 'file')} with damage; what it held is computed again when needed."
        )
    if rows.damaged_row_sets:
        write(f"Removed: {plural(rows.damaged_row_sets, 'set')} of rows with damage; computed again when needed.")
    if rows.abandoned_row_sets:
        write(f"Removed: {plural(rows.abandoned_row_sets, 'set')} of rows that commands had left unfinished.")
    if found.missing_shards:
        write(f"Forgotten: {plural(found.missing_shards, 'file')} that had been deleted.")
    if found.found_shards:
        write(f"Taken up: {plural(found.found_shards, 'file')} that the index did not know.")
    if found.outdated_bytes:
        write(f"Removed: {size_text(found.outdated_bytes)} that an earlier version had left.")
    if found.index_rebuilt:
        write("The index was damaged and has been built anew.")


@app.command()
def prune(
    max_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Leave at most this much, such as 10GB; default: the space's limit."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="ID", help="Remove the features and rows of this encoder.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all features and rows.")] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove kept features and similarity rows: those not used for longest, those of an encoder, or all.

    Example: visionlaw cache prune --max-size 10GB
    """
    from dataclasses import asdict

    from visionlaw import kept

    if (max_size is not None) + (encoder is not None) + everything > 1:
        raise DataError(
            "A pruning goes by size, by encoder, or takes all.", "Give one of --max-size, --encoder, --all."
        )
    limit = None if max_size is None else parse_size(max_size)
    here = project(space)
    if everything:
        pruned = kept.prune_all(here)
    elif encoder is not None:
        pruned = kept.prune_encoder(here, encoder)
    else:
        pruned = kept.prune_to(here, here.file.cache.limit if limit is None else limit)
    if as_json:
        print_json({"folder": str(here.feature_cache)} | asdict(pruned))
        return
    images, sets = plural(pruned.images, "image"), plural(pruned.row_sets, "set")
    write(f"Removed the features of {images} and {sets} of similarity rows, {size_text(pruned.bytes)}.")
    note(f"{here.scratch}: {size_text(pruned.left)} are left.")


def parse_size(text: str) -> int:
    """Return a size in bytes; ``10GB`` are 10·10⁹, ``10GiB`` 10·2³⁰.

    Raises:
        DataError: It is none.
    """
    match = _SIZE.fullmatch(text)
    unit = None if match is None else (_DECIMAL | _BINARY).get(match[2].upper())
    if match is None or unit is None:
        raise DataError(f"'{text}' is not a size.", "Write a number and a unit: 500MB, 10GB, 1.5TB.")
    return int(float(match[1]) * unit)


def size_text(size: int) -> str:
    """Return bytes for people: ``1.2 GB``."""
    for unit in ("TB", "GB", "MB", "kB"):
        if size >= _DECIMAL[unit.upper()]:
            return f"{size / _DECIMAL[unit.upper()]:.3g} {unit}"
    return f"{size} B"


def _cells(summary: EncoderSummary) -> tuple[str, ...]:
    said = summary.provenance
    precision = said.get("precision") or ", ".join(summary.dtypes)
    used, version = _time_text(summary.used_at), _version(said)
    return summary.id, str(precision), str(summary.images), size_text(summary.bytes), used, version


def _row_cells(one: StoredRows) -> tuple[str, ...]:
    size, used = size_text(one.bytes), _time_text(one.used_at)
    if one.rows is None:
        return ("(unreadable)", "", "", "", "", "", size, used, "")
    rows, said = one.rows, one.rows.provenance
    grid = "×".join(map(str, rows.grid))
    counts = str(rows.pairs), str(rows.keypoints)
    return rows.encoder, str(said.get("precision", "")), *counts, grid, rows.protocol, size, used, _version(said)


def _row_facts(one: StoredRows) -> dict[str, Any]:
    """Return what ``--json`` tells of a row set; ``id`` is null where the set does not say what it is."""
    facts = {"id": None, "digest": one.path.name, "bytes": one.bytes, "used_at": one.used_at}
    if one.rows is None:
        return facts
    told = ("sources", "pairs", "keypoints", "grid", "protocol", "provenance")
    return facts | {"id": one.rows.encoder} | {name: getattr(one.rows, name) for name in told}


def _time_text(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def _version(provenance: Mapping[str, Any]) -> str:
    return f"{provenance.get('distribution', '')} {provenance.get('version', '')}".strip()
