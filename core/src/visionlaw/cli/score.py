"""``visionlaw score``: how good frozen features are, without training anything."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.encoders import CheckpointOption, DeviceOption, DtypeOption, read_checkpoints, read_runtime
from visionlaw.cli.output import console, note, plural, print_json, write, write_table
from visionlaw.errors import DataError, UnknownIdError
from visionlaw.ids import split_representation
from visionlaw.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from visionlaw.features.runtime import Runtime
    from visionlaw.protocols import CorrespondenceDataset, Representation, Scorer, ScoringJob
    from visionlaw.scoring.stored import Measurement
    from visionlaw.store import ScoreRow

app = typer.Typer(no_args_is_help=True)


@app.callback()
def score() -> None:
    """Score frozen features."""


@app.command()
def correspondence(
    representations: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID", help="Ids, aliases or combinations such as 'a/b@224 + c/d@224'; default: those of the space."
        ),
    ] = None,
    space: SpaceOption = None,
    dataset: Annotated[str | None, typer.Option(help="Id of the image pairs; default: the space's.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's images; default: the space's.")] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Share of the target's size that counts as hit, 0 to 1; default: the space's.")
    ] = None,
    matches: Annotated[
        Path | None, typer.Option(help="Folder for pictures of the best and worst representations' matches.")
    ] = None,
    device: DeviceOption = None,
    dtype: DtypeOption = "float32",
    checkpoint: CheckpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure C: the share of keypoints that the features find again in another image.

    Each encoder passes each image once, whatever the number of combinations; features and scores are kept, so that an
    interrupted command goes on where it stopped.

    Example: visionlaw score correspondence "classical/hog@256 + classical/daisy@256" --dataset warps
    """
    from visionlaw.scoring.representations import name_of
    from visionlaw.scoring.stored import score_and_store
    from visionlaw.store import Store

    here = project(space)
    runtime, checkpoints = _runtime(device, dtype), read_checkpoints(checkpoint)
    names = representations or _usable(here)
    chosen = _combinable(here.representations(names, runtime, checkpoints))
    scorer, pairs, measurement = _prepare(here, dataset, data, alpha)
    with Store.of_project(here.state_dir, create=False) as store, _progress() as progress:

        def begin(missing: Sequence[Representation]) -> tuple[ScoringJob, int]:
            job = _job(here, missing, pairs, progress)
            return job, store.start_run("score correspondence", _run_provenance(here, missing, scorer))

        scored = score_and_store(scorer, chosen, measurement, store, begin)
        rows = sorted(scored, key=lambda row: -row.value)
        pictures: list[Path] = []
        if matches is not None:
            shown = {row.representation: row for row in (rows[0], rows[-1])}
            job = _job(here, [r for r in chosen if name_of(r) in shown], pairs, progress)
            pictures = _draw(job, list(shown.values()), matches)
    if as_json:
        print_json([_as_json(row) for row in rows])
    else:
        _print_table(rows)
    for picture in pictures:
        note(f"Picture: {picture}") if as_json else write(f"Picture: {picture}")


def _runtime(device: str | None, dtype: str) -> Runtime | None:
    """Return how encoders compute, None for the default: stored scores can be shown without torch."""
    return None if (device, dtype) == (None, "float32") else read_runtime(device, dtype)


def _usable(here: Project) -> list[str]:
    """Return the space's representations whose encoders can be used; a note tells of the others, by remedy."""
    unavailable = here.space.unavailable()
    found: list[str] = []
    lost: dict[str, int] = {}
    for name in here.space.representations:
        errors = [unavailable[part] for part in split_representation(name) if part in unavailable]
        if not errors:
            found.append(name)
        for remedy in dict.fromkeys(error.remedy for error in errors):
            lost[remedy] = lost.get(remedy, 0) + 1
    if not found:
        raise UnknownIdError(
            f"No representation of '{here.space_path}' can be scored: nothing usable provides their encoders.",
            " ".join(lost) or "List some under [space], or name them on the command line.",
        )
    for remedy, count in lost.items():
        first = next(error for error in unavailable.values() if error.remedy == remedy)
        note(f"Left out: {plural(count, 'representation')}. {first.message} → {remedy}")
    return found


def _combinable(representations: Sequence[Representation]) -> list[Representation]:
    """Return the representations that can be combined, and note the others; if there is none, that is the error."""
    from visionlaw.scoring.representations import check_combinable

    found: list[Representation] = []
    refused: list[DataError] = []
    for representation in representations:
        try:
            check_combinable(representation)
            found.append(representation)
        except DataError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    for error in refused:
        note(f"Left out: {error}")
    return found


def _prepare(
    here: Project, dataset: str | None, data: Path | None, alpha: float | None
) -> tuple[Scorer, CorrespondenceDataset, Measurement]:
    """Load the scorer and the data; nothing here needs torch."""
    from visionlaw.guard import third_party
    from visionlaw.libraries import provenance_of
    from visionlaw.scoring.stored import Measurement

    settings, registry, combiner = here.space.correspondence, here.registry, here.space.combiner
    chosen = registry.canonical("dataset", dataset or settings.dataset)
    pairs = registry.load("dataset", chosen, root=_root(here, chosen, data))
    scorer = registry.load(
        "scorer", "correspondence", alpha=settings.alpha if alpha is None else alpha, protocol=settings.protocol
    )
    with third_party(f"Reading the version of '{chosen}'", registry.get("dataset", chosen).distribution):
        version = str(pairs.version)
    sources = {
        "scorer": provenance_of(registry.get("scorer", "correspondence")),
        "dataset": provenance_of(registry.get("dataset", chosen)),
    }
    how = {"id": registry.canonical("combiner", combiner)} | provenance_of(registry.get("combiner", combiner))
    return scorer, pairs, Measurement("correspondence", chosen, version, sources, how)


def _root(here: Project, dataset: str, data: Path | None) -> Path | None:
    """Return the folder of the data: that of the command line, or the space's if it is the space's data set."""
    from visionlaw.specs import DatasetSpec

    spec = here.registry.get("dataset", dataset).spec
    data = here.space.root_of(dataset) if data is None else data
    if isinstance(spec, DatasetSpec) and spec.needs_root and data is None:
        raise DataError(
            f"The data set '{spec.id}' needs a folder.",
            "Give it with --data FOLDER, or as root under [correspondence] of registry.toml.",
        )
    if data is not None and not data.is_dir():
        raise DataError(f"'{data}' is not a folder.", "Give the folder of the data set with --data FOLDER.")
    return data


def _job(
    here: Project,
    representations: Sequence[Representation],
    pairs: CorrespondenceDataset,
    progress: Callable[[str, int, int], None],
) -> ScoringJob:
    """Make the job that computes what is not stored."""
    from visionlaw.libraries import require_torch
    from visionlaw.protocols import ScoringJob

    require_torch()
    from visionlaw.features.cache import FeatureCache

    combiner = here.registry.load("combiner", here.space.combiner)
    cache = FeatureCache(here.feature_cache, here.file.cache.limit)
    return ScoringJob(representations, pairs, combiner, cache, progress)


def _run_provenance(here: Project, representations: Sequence[Representation], scorer: Scorer) -> dict[str, Any]:
    from visionlaw.store import run_provenance

    plugins = {e.provenance["distribution"]: e.provenance["version"] for r in representations for e in r}
    return run_provenance(sys.argv[1:], plugins=plugins, protocol=scorer.protocol)


@contextmanager
def _progress() -> Generator[Callable[[str, int, int], None]]:
    """A bar on stderr, gone when done; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)


def _draw(job: ScoringJob, rows: Sequence[ScoreRow], folder: Path) -> list[Path]:
    """Draw the matches of the job's representations; their features come from its cache."""
    from visionlaw.correspondence.matching import match_all
    from visionlaw.correspondence.pck import read_pairs, scorable
    from visionlaw.report.gallery import draw_matches
    from visionlaw.report.matches import Matched
    from visionlaw.scoring.representations import name_of

    pairs = scorable(read_pairs(job.data))
    found = {name_of(representation): matches for representation, matches in match_all(job, pairs)}
    pictures: list[Path] = []
    for row in rows:
        matched = [Matched(pair, matches) for pair, matches in zip(pairs, found[row.representation], strict=True)]
        pictures += draw_matches(row.representation, row.value, matched, float(row.params["alpha"]), folder)
    return pictures


def _as_json(row: ScoreRow) -> dict[str, Any]:
    details = row.extra
    return {
        "representation": row.representation,
        "scorer": row.scorer,
        "dataset": row.dataset,
        "protocol": row.protocol,
        "alpha": row.params["alpha"],
        "value": row.value,
        "per_keypoint": details["per_keypoint"],
        "per_category": details["per_category"],
        "pairs": row.count,
        "keypoints": details["keypoints"],
        "skipped": details["skipped"],
        "categories": details["categories"],
        "alphas": details["alphas"],
        "provenance": {**row.provenance, "dataset_version": row.dataset_version},
    }


def _print_table(rows: Sequence[ScoreRow]) -> None:
    from rich.table import Table

    first = rows[0]
    alpha = first.params["alpha"]
    table = Table(
        title=f"C on {first.dataset}: {first.count} pairs, {first.extra['keypoints']} keypoints, "
        f"{first.protocol}, α = {alpha:g}",
        title_justify="left",
    )
    table.add_column("", justify="right")
    table.add_column("representation", overflow="fold")
    others = [name for name in first.extra["alphas"] if float(name) != alpha]
    for heading in ("C %", "per keypoint", "per category", *(f"C at {name}" for name in others)):
        table.add_column(heading, justify="right")
    for rank, row in enumerate(rows, 1):
        values = [row.value, row.extra["per_keypoint"], row.extra["per_category"]]
        values += [row.extra["alphas"][name]["value"] for name in others]
        table.add_row(str(rank), row.representation, *(f"{value:.1f}" for value in values))
    write_table(table)
