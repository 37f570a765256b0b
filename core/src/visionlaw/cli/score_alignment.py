"""``visionlaw score alignment``: A of representations, on each benchmark's images or on captions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.choosing import combinable, usable
from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.encoders import CheckpointOption, DeviceOption, DtypeOption, read_checkpoints, runtime_given
from visionlaw.cli.output import note, plural, print_json, scoring_progress
from visionlaw.errors import UNAVAILABLE, ConfigError, DataError, VisionlawError

if TYPE_CHECKING:
    from visionlaw.protocols import Representation
    from visionlaw.scoring.alignment import MeasuringA, Method
    from visionlaw.store import ScoreRow


def alignment(
    representations: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID", help="Ids, aliases or combinations such as 'a/b@224 + c/d@224'; default: those of the space."
        ),
    ] = None,
    space: SpaceOption = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Only this benchmark; repeatable; default: all that name images."),
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="Id of the scorer, options included; default: the space's definition of A.")
    ] = None,
    images: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Id of the image source; default: the space's.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="File or folder of the image source.")] = None,
    number: Annotated[
        int | None, typer.Option("-n", "--number", min=1, help="Images to draw; default: the space's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the drawing; default: the space's.")] = None,
    lm: Annotated[
        str | None, typer.Option(help="Folder or hub repository of the language model; default: the space's.")
    ] = None,
    lm_revision: Annotated[str | None, typer.Option(help="Revision of the hub repository.")] = None,
    device: DeviceOption = None,
    dtype: DtypeOption = "float32",
    checkpoint: CheckpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure A: how well projected visual tokens fit the language model.

    By maxcos on the images of each benchmark, or by loglik on image–caption pairs; any other scorer of images or
    captions goes as well. Features and scores are kept, so that an interrupted command goes on where it stopped.

    Example: visionlaw score alignment clip@224 --benchmark mmbench --images folder --root photos
    """
    from visionlaw.cli.alignment_views import as_json as json_of
    from visionlaw.cli.alignment_views import print_alignment
    from visionlaw.scoring.alignment import Method

    here = project(space)
    runtime, folders = runtime_given(device, dtype), read_checkpoints(checkpoint)
    if lm_revision is not None and lm is None:
        raise ConfigError("--lm-revision is given without a language model.", "Give both: --lm REPOSITORY.")
    method = Method.prepare(
        here,
        scorer,
        n=number,
        seed=seed,
        language=lm,
        revision=lm_revision,
        runtime=runtime,
        checkpoints=folders,
    )
    names = representations or usable(here)
    chosen = combinable(here.representations(names, runtime, folders))
    if not representations:
        chosen = _trained(method, chosen)
    method.check_trained(chosen)
    found: list[ScoreRow] = []
    for measuring in _drawn(method, benchmark, images, root):
        with scoring_progress() as progress:
            rows = measuring.ranked(measuring.scores(chosen, progress=progress))
        if measuring.data.left_out:
            count, first = len(measuring.data.left_out), measuring.data.left_out[0]
            note(f"Passed over {plural(count, 'image')} of '{measuring.measurement.dataset}'. {first}")
        found += rows
        if not as_json:
            print_alignment(rows, method.spec)
    if as_json:
        print_json([json_of(row) for row in found])


def _trained(method: Method, representations: list[Representation]) -> list[Representation]:
    """Leave out the representations without projector, with a note; if none has one, that is the error."""
    from visionlaw.scoring.representations import name_of

    missing = method.without_projector(representations)
    kept = [representation for representation in representations if name_of(representation) not in missing]
    if not kept:
        method.check_trained(representations)
    if missing:
        note(
            f"Left out: {plural(len(missing), 'representation')} without projector. → visionlaw align "
            + " ".join(f'"{name}"' for name in missing)
        )
    return kept


def _drawn(method: Method, benchmarks: list[str] | None, images: str | None, root: Path | None) -> list[MeasuringA]:
    """Draw the images of what is asked for.

    Benchmarks that are not named and whose images cannot be used are left out with a note; if none can, the first
    one's reason is the error.
    """
    from visionlaw.scoring.alignment import ALL
    from visionlaw.space import ImagesAt

    if root is not None and images is None:
        raise ConfigError(f"--root {root} says where images are, and not what reads them.", "Give --images SOURCE.")
    if images is not None:
        return [method.on(ImagesAt(images, root), benchmark) for benchmark in benchmarks or [ALL]]
    if benchmarks:
        return method.on_benchmarks(benchmarks)
    found: list[MeasuringA] = []
    refused: list[VisionlawError] = []
    sources = method.sources()
    for benchmark, source in sources.items():
        try:
            found.append(method.on(source, benchmark))
        except (*UNAVAILABLE, DataError) as error:
            refused.append(error)
    if not found:
        raise refused[0]
    for error in refused:
        note(f"Left out: {error.message} → {error.remedy}")
    without = [key for key in method.project.space.benchmarks if key not in sources and ALL not in sources]
    if without:
        note(f"Left out: registry.toml names no images of {', '.join(without)}.")
    return found
