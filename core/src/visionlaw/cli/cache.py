"""``visionlaw cache``: what is kept of computed features, whether it is whole, and making it smaller."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import console, note, plural, print_json, write, write_columns
from visionlaw.errors import DataError

if TYPE_CHECKING:
    from visionlaw.features.cache.upkeep import EncoderSummary

app = typer.Typer(no_args_is_help=True)

_DECIMAL = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


@app.callback()
def cache() -> None:
    """The features that are kept between runs."""


@app.command("ls")
def list_(space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Show the encoders whose features are kept, the largest first.

    Example: visionlaw cache ls
    """
    from dataclasses import asdict

    from visionlaw.features.cache.upkeep import summaries

    here = project(space)
    folder, limit = here.feature_cache, here.file.cache.limit
    found = summaries(folder)
    if as_json:
        print_json({"folder": str(folder), "limit": limit, "encoders": [asdict(summary) for summary in found]})
        return
    if found:
        write_columns(("ENCODER", "PRECISION", "IMAGES", "SIZE", "LAST USED", "VERSION"), [_cells(s) for s in found])
    total = sum(summary.bytes for summary in found)
    write(f"{folder}: {size_text(total)} of at most {size_text(limit)}.")


@app.command()
def verify(space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Read all features that are kept, remove what is damaged, and mend the index. Other commands may run meanwhile.

    Example: visionlaw cache verify
    """
    from dataclasses import asdict

    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.features.cache.verify import verify as read_all

    folder = project(space).feature_cache
    screen = console(stderr=True)
    with screen.status("Reading…") as status:
        found = read_all(folder, lambda done, total: status.update(f"Read {done} of {total} files"))
    if as_json:
        print_json({"folder": str(folder)} | asdict(found))
        return
    write(f"{folder}: features of {plural(found.images, 'image')} in {plural(found.shards, 'file')} are whole.")
    if found.damaged_shards:
        write(
            f"Removed: {plural(found.damaged_shards, 'file')} with damage; what it held is computed again when needed."
        )
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
    encoder: Annotated[str | None, typer.Option(metavar="ID", help="Remove the features of this encoder.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all features.")] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove kept features: those not used for longest, those of an encoder, or all.

    Example: visionlaw cache prune --max-size 10GB
    """
    from dataclasses import asdict

    from visionlaw.features.cache import upkeep

    if (max_size is not None) + (encoder is not None) + everything > 1:
        raise DataError(
            "A pruning goes by size, by encoder, or takes all.", "Give one of --max-size, --encoder, --all."
        )
    limit = None if max_size is None else parse_size(max_size)
    here = project(space)
    folder = here.feature_cache
    if everything:
        pruned = upkeep.prune_all(folder)
    elif encoder is not None:
        pruned = upkeep.prune_encoder(folder, encoder)
    else:
        pruned = upkeep.prune_to(folder, here.file.cache.limit if limit is None else limit)
    if as_json:
        print_json({"folder": str(folder)} | asdict(pruned))
        return
    write(f"Removed the features of {plural(pruned.images, 'image')}, {size_text(pruned.bytes)}.")
    note(f"{folder}: {size_text(pruned.left)} are left.")


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
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.used_at))
    version = f"{said.get('distribution', '')} {said.get('version', '')}".strip()
    return summary.id, str(precision), str(summary.images), size_text(summary.bytes), used, version
