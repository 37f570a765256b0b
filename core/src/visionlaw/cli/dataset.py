"""``visionlaw dataset``: what is in a data set and what is wrong with it, and any data set as a folder."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import console, note, plural, print_json, printable, write, write_columns
from visionlaw.errors import DataError, InvalidIdError
from visionlaw.ids import Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visionlaw.datasets.survey import Survey
    from visionlaw.protocols import CorrespondenceDataset, Finding
    from visionlaw.registry import Registry

app = typer.Typer(no_args_is_help=True)

SHOWN = 10

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A data set's id, with options: 'spair?split=val'. All: visionlaw list")
]


@app.callback()
def dataset() -> None:
    """Data sets of image pairs with corresponding keypoints."""


@app.command()
def check(
    name: NameArgument,
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="The folder with its files.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with code 2 if anything is wrong.")] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count what is in a data set, decode its images, and list what is wrong: files, records, images, keypoints.

    Example: visionlaw dataset check spair data/SPair-71k
    """
    from visionlaw.datasets.survey import survey

    registry = project(space).registry
    chosen = registry.canonical("dataset", name)
    opened = _open(registry, chosen, path, "as PATH")
    with _progress("images") as report:
        found = survey(opened, registry.get("dataset", chosen).distribution, report)
    if as_json:
        print_json({"dataset": chosen, "path": None if path is None else str(path)} | _as_json(found))
    else:
        _print(chosen, found)
    if strict and found.findings:
        raise typer.Exit(2)


@app.command()
def make(
    name: NameArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make; it must not exist, or be empty.")],
    pairs: Annotated[int | None, typer.Option(help="The data set's option 'pairs'.")] = None,
    seed: Annotated[int | None, typer.Option(help="The data set's option 'seed'.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The folder with the data set's files.")] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a data set as a folder of pairs.json and images, whole or not at all; the same each time.

    Example: visionlaw dataset make warps my-warps --pairs 4 --seed 0
    """
    from visionlaw.datasets.making import make_folder, refuse_occupied
    from visionlaw.guard import third_party
    from visionlaw.specs import DatasetSpec

    refuse_occupied(out)
    registry = project(space).registry
    chosen = _with_options(registry, name, pairs=pairs, seed=seed)
    opened = _open(registry, chosen, data, "with --data FOLDER")
    entry = registry.get("dataset", chosen)
    licence = entry.spec.license if isinstance(entry.spec, DatasetSpec) else None
    with third_party(f"Making '{chosen}'", entry.distribution), _progress("pairs") as report:
        made_from = {"dataset": chosen, "version": str(opened.version), "license": licence or "not stated"}
        made = make_folder(opened, out, made_from, report)
    if as_json:
        facts = {"pairs": made.pairs, "images": made.images, "digest": made.digest}
        print_json({"dataset": chosen, "folder": str(out)} | facts)
        return
    write(f"{out}: {plural(made.pairs, 'pair')} of {plural(made.images, 'image')}, sha256:{made.digest[:16]}.")
    note(f"Use it: visionlaw score correspondence ENCODER --dataset pairs --data {out}")


def _open(registry: Registry, name: str, folder: Path | None, how: str) -> CorrespondenceDataset:
    """Load a data set.

    Args:
        registry: What is installed.
        name: Its canonical id with options.
        folder: Its files.
        how: How a folder is given, for the message.
    """
    from visionlaw.specs import DatasetSpec

    spec = registry.get("dataset", name).spec
    if isinstance(spec, DatasetSpec) and spec.needs_root and folder is None:
        where = f" Get it from {spec.homepage}." if spec.homepage else ""
        raise DataError(f"The data set '{spec.id}' needs a folder.", f"Give it {how}.{where}")
    if folder is not None and not folder.is_dir():
        raise DataError(f"'{folder}' is not a folder.", f"Give the folder of the data set {how}.")
    return registry.load("dataset", name, root=folder)


def _with_options(registry: Registry, name: str, **values: int | None) -> str:
    """Return the canonical id with further options, as far as they are given."""
    reference = parse_reference(registry.canonical("dataset", name))
    spec = registry.get("dataset", reference.base).spec
    given = {key: str(value) for key, value in values.items() if value is not None}
    written = parse_reference(name).options
    for key in given:
        if key not in spec.options:
            known = ", ".join(spec.options) or "none"
            raise InvalidIdError(f"'{spec.id}' has no option '{key}'.", f"Its options: {known}.")
        if key in written:
            raise InvalidIdError(f"'{name}' gives the option '{key}', and so does --{key}.", "Give it once.")
    return registry.canonical("dataset", str(Reference(spec.id, {**reference.options, **given})))


def _by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return dict(sorted(kinds.items()))


def _as_json(found: Survey) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found) | {
        "findings": [asdict(finding) for finding in found.findings],
        "counts": {kind: len(findings) for kind, findings in _by_kind(found.findings).items()},
    }


def _print(name: str, found: Survey) -> None:
    more = f", {plural(found.further, 'further true position')}" if found.further else ""
    images, keypoints = plural(found.images, "image"), plural(found.keypoints, "keypoint")
    write(f"{name}: {plural(found.pairs, 'pair')} of {images}, {keypoints}{more}.")
    if found.without_keypoints:
        write(f"{plural(found.without_keypoints, 'pair')} without keypoints: not scored.")
    write(f"Version: {found.version}")
    if any(found.categories):
        write()
        write_columns(
            ("CATEGORY", "PAIRS"),
            [(printable(category) or "(none)", str(n)) for category, n in found.categories.items()],
        )
    write()
    if not found.findings:
        write("Nothing is wrong.")
    for kind, findings in _by_kind(found.findings).items():
        write(f"{kind} ({len(findings)})")
        for finding in findings[:SHOWN]:
            write(f"  {printable(finding.where)}: {printable(finding.message)}")
        if len(findings) > SHOWN:
            write(f"  … and {len(findings) - SHOWN} more; all of them with --json")


@contextmanager
def _progress(unit: str) -> Generator[Callable[[int, int], None]]:
    """A bar on stderr, gone when done; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(unit, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
