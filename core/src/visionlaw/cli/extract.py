"""``visionlaw extract``: features of images, as files."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.encoders import (
    AutocastOption,
    CheckpointOption,
    CompileOption,
    DeviceOption,
    DtypeOption,
    read_checkpoints,
    read_runtime,
)
from visionlaw.cli.output import console, note, plural, print_json, write
from visionlaw.features.outputs.formats import Format
from visionlaw.ids import split_representation

if TYPE_CHECKING:
    from collections.abc import Callable

    from visionlaw.features.export import Exported
    from visionlaw.features.sources import Source


def extract(
    representations: Annotated[
        list[str], typer.Argument(metavar="ID", help="Ids, aliases or combinations such as 'a/b@224 + c/d@224'.")
    ],
    images: Annotated[
        list[Path], typer.Option("--images", "-i", help="An image, a folder of images or a tar shard; repeatable.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the features.")],
    form: Annotated[Format, typer.Option("--format", help="Kind of files.")] = Format.SAFETENSORS,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Images at a time and in a file; default: by device and resolution."),
    ] = None,
    device: DeviceOption = None,
    dtype: DtypeOption = "float32",
    autocast: AutocastOption = False,
    compile: CompileOption = False,  # noqa: A002
    checkpoint: CheckpointOption = None,
    strict_images: Annotated[
        bool, typer.Option("--strict-images", help="End at the first bad image instead of setting it aside.")
    ] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the features of images to files: one pass, each encoder once, however many combinations use it.

    Bad images are set aside and listed in quarantine.jsonl. An interrupted run goes on where it stopped when the same
    command is given again.

    Example: visionlaw extract dinov2/large@224 --images photos/ --out features/
    """
    here = project(space)
    for encoder in {part for name in representations for part in split_representation(here.space.canonical(name))}:
        here.registry.encoder_spec(encoder)  # a slip of the pen is told before torch is imported
    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.features.export import export
    from visionlaw.features.extractor import Extractor

    runtime = read_runtime(device, dtype, autocast, compile)
    chosen = here.representations(representations, runtime, read_checkpoints(checkpoint))
    extractor = Extractor(chosen, here.registry.load("combiner", here.space.combiner), runtime)
    begun = time.monotonic()
    with _progress(_count(images)) as advance:
        exported = export(extractor, _sources(images), out, form, batch_size, strict_images, advance)
    seconds = time.monotonic() - begun
    if as_json:
        print_json(_facts(exported, seconds))
    else:
        _report(exported, seconds)


def _sources(paths: Sequence[Path]) -> Iterator[Source]:
    """Chain what the paths hold; of several folders the names say which."""
    from visionlaw.features.sources import read_sources

    if len(paths) == 1:
        return read_sources(paths[0])
    return itertools.chain.from_iterable(
        (replace(s, name=f"{path}/{s.name}") for s in read_sources(path)) if path.is_dir() else read_sources(path)
        for path in paths
    )


def _count(paths: Sequence[Path]) -> int | None:
    from visionlaw.features.sources import count

    counts = [count(path) for path in paths]
    return None if None in counts else sum(number or 0 for number in counts)


def _facts(exported: Exported, seconds: float) -> dict[str, Any]:
    return {
        "folders": {name: str(folder) for name, folder in exported.folders.items()},
        "images": exported.images,
        "quarantined": exported.quarantined,
        "resumed": exported.resumed,
        "seconds": round(seconds, 3),
    }


def _report(exported: Exported, seconds: float) -> None:
    done = exported.images + exported.quarantined - exported.resumed
    speed = f", {done / seconds:.1f} images/s" if done and seconds > 0 else ""
    for name, folder in exported.folders.items():
        write(f"{name}: {plural(exported.images, 'image')} in {folder}{speed}")
    if exported.resumed:
        write(f"{plural(exported.resumed, 'image')} had been finished before.")
    if exported.quarantined:
        folder = next(iter(exported.folders.values()))
        note(f"{plural(exported.quarantined, 'image')} set aside; the reasons are in {folder / 'quarantine.jsonl'}")


@contextmanager
def _progress(total: int | None) -> Generator[Callable[[int], None]]:
    """A bar on stderr with images/s and the time left, gone when done; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f} images/s" if speed else "")

    screen = console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.update(task, advance=count)
