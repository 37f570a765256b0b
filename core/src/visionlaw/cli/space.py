"""Verbs about the search space: init, space check, space schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visionlaw.cli.context import JsonOption, project
from visionlaw.cli.output import plural, print_json, write

app = typer.Typer(no_args_is_help=True)


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder; made where it does not exist.")] = Path(),
) -> None:
    """Start a project: write the shipped registry.toml, commented, into a folder.

    Example: visionlaw init my-project
    """
    from visionlaw.spacefile import FILE_NAME, write_default

    path = write_default(folder)
    write(f"Wrote {path}. Edit it, then validate it with: visionlaw space check {path}")
    write(f"Commands run in {path.resolve().parent} or below use this {FILE_NAME}.")


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A registry.toml; without it the nearest one upwards.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a registry.toml and say what it contains and what is not installed.

    Example: visionlaw space check registry.toml
    """
    from visionlaw.spacecheck import check_space

    here = project(file)
    space = here.space
    missing = check_space(here.file, here.space_path, here.registry)
    representations = space.representations
    if as_json:
        print_json(
            {
                "file": str(here.space_path),
                "representations": representations,
                "benchmarks": list(space.benchmarks),
                "alignment": {
                    "definition": space.alignment_scorer,
                    "images": {
                        benchmark: found.source if (found := space.images_of(benchmark)) else None
                        for benchmark in space.benchmarks
                    },
                },
                "correspondence": {benchmark: space.correspondence_of(benchmark) for benchmark in space.benchmarks},
                "missing": missing,
            }
        )
        return
    single = sum("+" not in text for text in representations)
    write(f"{here.space_path}: valid.")
    counts = ((single, "encoder"), (len(representations) - single, "combination"), (len(space.benchmarks), "benchmark"))
    write(", ".join(plural(number, noun) for number, noun in counts) + ".")
    write(f"A is measured by: {space.alignment_scorer}.")
    write(f"C is measured on: {', '.join(space.correspondence_datasets())}.")
    for remedy, ids in missing.items():
        write(f"Not usable yet: {', '.join(ids)}\n  → {remedy}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of registry.toml.

    Example: visionlaw space schema > registry.schema.json
    """
    from visionlaw.spacefile import SpaceFile

    print_json(SpaceFile.model_json_schema())
