"""``visionlaw score``: how good frozen features are, without training anything."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, Project, project
from visionlaw.cli.output import console, note, print_json, write
from visionlaw.errors import DataError, UnknownIdError
from visionlaw.ids import split_representation

if TYPE_CHECKING:
    from collections.abc import Callable

    from visionlaw.correspondence.stored import Measurement
    from visionlaw.protocols import CorrespondenceDataset, Scorer, ScoringJob
    from visionlaw.store import ScoreRow

app = typer.Typer(no_args_is_help=True)


@app.callback()
def score() -> None:
    """Score frozen features."""


@app.command()
def correspondence(
    representations: Annotated[
        list[str] | None,
        typer.Argument(help="Ids such as 'clip@336' or 'a/b@224 + c/d@224'; default: those of the space."),
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="A registry.toml, or ids separated by commas; default: the project's file.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Id of the image pairs; default: the space's.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's images or files.")] = None,
    encoder: Annotated[list[str] | None, typer.Option(help="One more encoder to score; repeatable.")] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Share of the target's size that counts as hit, 0 to 1; default: the space's.")
    ] = None,
    matches: Annotated[
        Path | None, typer.Option(help="Folder for pictures of the best and worst representations' matches.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure C: the share of keypoints that the features find again in another image.

    Each encoder passes each image once, whatever the number of combinations; features and scores are kept, so that an
    interrupted command goes on where it stopped.

    Example: visionlaw score correspondence "classical/hog@256 + classical/daisy@256" --dataset warps
    """
    from visionlaw.correspondence.stored import score_and_store
    from visionlaw.store import Store, run_provenance

    file, ids = _space_or_ids(space)
    here = project(file)
    names = _canonical(here, [*(representations or ()), *ids, *(encoder or ())]) or _installed(here)
    scorer, job, measurement = _prepare(here, names, dataset, data, alpha)

    def start_run() -> int:
        plugins = {f["distribution"]: f["version"] for r in job.representations for f in (e.provenance for e in r)}
        provenance = run_provenance(sys.argv, plugins=plugins, protocol=scorer.protocol)
        return store.start_run("score correspondence", provenance)

    with Store.of_project(here.state_dir) as store, _progress() as progress:
        shown = _with_progress(job, progress)
        rows = sorted(score_and_store(scorer, shown, measurement, store, start_run), key=lambda row: -row.value)
        pictures = _draw(shown, rows, matches) if matches is not None else []
    if as_json:
        print_json([_as_json(row) for row in rows])
    else:
        _print_table(rows)
    for picture in pictures:
        note(f"Picture: {picture}") if as_json else write(f"Picture: {picture}")


def _space_or_ids(text: str | None) -> tuple[Path | None, list[str]]:
    """Tell a registry.toml from ids: what is a file, or is called like one, is a file."""
    if text is None:
        return None, []
    if Path(text).is_file() or text.endswith(".toml"):
        return Path(text), []
    return None, [part for part in (p.strip() for p in text.split(",")) if part]


def _canonical(here: Project, names: Sequence[str]) -> list[str]:
    """Resolve published names, aliases and options, each representation once."""
    return list(dict.fromkeys(here.space.canonical(name) for name in names))


def _installed(here: Project) -> list[str]:
    """Return the space's representations whose encoders can be used; the others are named with their remedy."""
    unavailable = here.space.unavailable()
    found = [r for r in here.space.representations if unavailable.keys().isdisjoint(split_representation(r))]
    remedies = dict.fromkeys(error.remedy for error in unavailable.values())
    if not found:
        raise UnknownIdError(
            f"No representation of '{here.space_path}' can be scored: nothing usable provides their encoders.",
            " ".join(remedies) or "List some under [space], or name them on the command line.",
        )
    if unavailable:
        left_out = len(here.space.representations) - len(found)
        note(f"{left_out} representations are left out, their encoders cannot be used. → {' '.join(remedies)}")
    return found


def _prepare(
    here: Project, names: Sequence[str], dataset: str | None, data: Path | None, alpha: float | None
) -> tuple[Scorer, ScoringJob, Measurement]:
    """Load what the measurement needs, the encoders excepted."""
    from visionlaw.correspondence.stored import Measurement
    from visionlaw.features.cache import FeatureCache
    from visionlaw.features.encoders import encoder_ref
    from visionlaw.ids import Reference, parse_reference, parse_representation
    from visionlaw.protocols import ScoringJob
    from visionlaw.store.provenance import library_versions

    settings, registry = here.space.correspondence, here.registry
    chosen = dataset or settings.dataset
    pairs = _load_pairs(here, chosen, data)
    scorer: Scorer = registry.load(
        "scorer", "correspondence", alpha=settings.alpha if alpha is None else alpha, protocol=settings.protocol
    )
    job = ScoringJob(
        [tuple(encoder_ref(registry, str(part)) for part in parse_representation(name)) for name in names],
        pairs,
        registry.load("combiner", "concat"),
        FeatureCache(here.state_dir / "cache" / "features"),
    )
    sources = {
        "scorer": _source(here, "scorer", "correspondence"),
        "dataset": _source(here, "dataset", chosen),
        "libraries": library_versions(),
    }
    dataset_id = str(Reference(registry.get("dataset", chosen).spec.id, parse_reference(chosen).options))
    combiner = {"id": "concat"} | _source(here, "combiner", "concat")
    return scorer, job, Measurement("correspondence", dataset_id, pairs.version, sources, combiner)


def _load_pairs(here: Project, dataset: str, data: Path | None) -> CorrespondenceDataset:
    from visionlaw.specs import DatasetSpec

    spec = here.registry.get("dataset", dataset).spec
    if isinstance(spec, DatasetSpec) and spec.needs_root and data is None:
        raise DataError(f"The data set '{spec.id}' needs a folder.", "Give it with --data FOLDER.")
    if data is not None and not data.is_dir():
        raise DataError(f"'{data}' is not a folder.", "Give the folder of the data set with --data FOLDER.")
    return here.registry.load("dataset", dataset, root=data)


def _source(here: Project, kind: Any, name: str) -> dict[str, str]:
    entry = here.registry.get(kind, name)
    return {"distribution": entry.distribution, "version": entry.version}


@contextmanager
def _progress() -> Generator[Callable[[str, int, int], None]]:
    """A bar on stderr, gone when done; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)


def _with_progress(job: ScoringJob, progress: Callable[[str, int, int], None]) -> ScoringJob:
    from dataclasses import replace

    return replace(job, progress=progress)


def _draw(job: ScoringJob, rows: Sequence[ScoreRow], folder: Path) -> list[Path]:
    """Draw the matches of the best and of the worst representation."""
    from visionlaw.correspondence.score import name_of, scorable
    from visionlaw.report.gallery import draw_matches

    pairs = scorable(job.data)
    by_name = {name_of(r): r for r in job.representations}
    pictures: list[Path] = []
    for row in {r.representation: r for r in (rows[0], rows[-1])}.values():
        alpha = float(row.params["alpha"])
        pictures += draw_matches(by_name[row.representation], row.value, job, pairs, alpha, folder)
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
    console().print(table)
