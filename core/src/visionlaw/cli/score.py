"""``visionlaw score``: how good frozen features are, without training anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.choosing import combinable, usable, with_layers
from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.encoders import CheckpointOption, DeviceOption, DtypeOption, read_checkpoints, runtime_given
from visionlaw.cli.output import note, plural, print_json, scoring_progress, write
from visionlaw.cli.score_alignment import alignment
from visionlaw.errors import UNAVAILABLE, DataError, VisionlawError
from visionlaw.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from visionlaw.protocols import Representation
    from visionlaw.scoring.correspondence import MeasuringC
    from visionlaw.store import ScoreRow

app = typer.Typer(no_args_is_help=True)
app.command("alignment")(alignment)

DatasetOption = Annotated[str | None, typer.Option(help="Id of the image pairs; default: the space's.")]
DataOption = Annotated[Path | None, typer.Option(help="Folder of the data set; default: the space's.")]
AlphaOption = Annotated[
    float | None, typer.Option(help="Share of the target's size that counts as hit, 0 to 1; default: the space's.")
]
ProtocolOption = Annotated[str | None, typer.Option(help="strict or reference; default: the space's.")]
ScorerOption = Annotated[str | None, typer.Option(help="Id of the scorer; default: the space's, which is core's own.")]
MatcherOption = Annotated[str | None, typer.Option(help="argmax, softargmax or upsampled; default: the space's.")]


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
    dataset: Annotated[
        str | None,
        typer.Option(help="Id of the image pairs; default: all that the space and its benchmarks name."),
    ] = None,
    data: DataOption = None,
    alpha: AlphaOption = None,
    protocol: ProtocolOption = None,
    matcher: MatcherOption = None,
    scorer: ScorerOption = None,
    layers: Annotated[
        str | None, typer.Option(help="Blocks to score of every encoder, read in one pass, such as '-1,-4,-8'.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also show C by category or another attribute of the pairs; repeatable."),
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

    Each encoder passes each image once, whatever the number of combinations; features, similarities and scores are
    kept, so that an interrupted command goes on where it stopped.

    Example: visionlaw score correspondence "classical/hog@256 + classical/daisy@256" --dataset warps
    """
    from visionlaw.cli.score_views import print_scores

    here = project(space)
    if data is not None and dataset is None:
        named = here.space.correspondence_datasets()
        if len(named) != 1:
            raise DataError(
                f"--data is the folder of one data set, not of {', '.join(named)}.", "Name it: --dataset ID"
            )
        dataset = named[0]
    names = with_layers(here, representations or usable(here), layers)
    chosen = combinable(here.representations(names, runtime_given(device, dtype), read_checkpoints(checkpoint)))
    options = _given(alpha=alpha, protocol=protocol, matcher=matcher)
    found: list[ScoreRow] = []
    pictures: list[Path] = []
    if as_json and by:
        raise DataError(
            "--by chooses tables, and --json prints none.", "Leave one out: the JSON holds every breakdown."
        )
    asked = list(_prepare(here, dataset, data, scorer, device, options))
    if matches is not None:
        asked[0].require_matches()
    for measuring in asked:
        with scoring_progress() as progress:
            rows = measuring.ranked(measuring.scores(chosen, progress=progress))
            pictures += [] if matches is None else _draw(measuring, rows, chosen, matches, progress)
        _tell_left_out(measuring)
        found += rows
        if not as_json:
            print_scores(rows)
    if not as_json:
        _print_by(found, by or [])
    if as_json:
        from visionlaw.cli.score_views import as_json as json_of

        print_json([json_of(row) for row in found])
    for picture in pictures:
        note(f"Picture: {picture}") if as_json else write(f"Picture: {picture}")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A representation: id, alias or combination.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    space: SpaceOption = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    alpha: AlphaOption = None,
    protocol: ProtocolOption = None,
    matcher: MatcherOption = None,
    scorer: ScorerOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = "float32",
    checkpoint: CheckpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether A's C is better than B's by more than chance: both are measured on the same pairs.

    The interval is a bootstrap's over pairs; McNemar's test counts the keypoints that only one of the two finds.

    Example: visionlaw score compare classical/hog@256 classical/daisy@256 --dataset warps
    """
    from visionlaw.cli.score_views import comparison_as_json, print_comparison
    from visionlaw.correspondence.bootstrap import Bootstrap
    from visionlaw.correspondence.statistics import compare as compare_matches
    from visionlaw.scoring.correspondence import MeasuringC
    from visionlaw.scoring.representations import check_combinable, name_of

    here = project(space)
    chosen = here.representations([a, b], runtime_given(device, dtype), read_checkpoints(checkpoint))
    if len(chosen) == 1:
        raise DataError(f"A and B are the same representation, '{name_of(chosen[0])}'.", "Name two.")
    for representation in chosen:
        check_combinable(representation)
    options = _given(alpha=alpha, protocol=protocol, matcher=matcher)
    measuring = MeasuringC.prepare(here, dataset, data, scorer, device, **options)
    with scoring_progress() as progress:
        table, matched = measuring.matches(chosen, progress)
        found = {name_of(representation): matches for representation, matches in matched}
    _tell_left_out(measuring)
    names = (name_of(chosen[0]), name_of(chosen[1]))
    at = float(measuring.scorer.parameters["alpha"])
    comparison = compare_matches(found[names[0]], found[names[1]], at, Bootstrap.draw(table))
    if as_json:
        print_json(comparison_as_json(names, measuring, len(table), comparison))
    else:
        print_comparison(names, measuring, len(table), comparison)


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def _prepare(
    here: Project,
    dataset: str | None,
    data: Path | None,
    scorer: str | None,
    device: str | None,
    options: dict[str, Any],
) -> Iterator[MeasuringC]:
    """Open the data set that is named, or all that the space and its benchmarks name.

    Those of benchmarks that cannot be used are left out with a note; if none can, the first one's reason is the error.
    """
    from visionlaw.scoring.correspondence import MeasuringC

    if dataset is not None:
        yield MeasuringC.prepare(here, dataset, data, scorer, device, **options)
        return
    usable: list[MeasuringC] = []
    refused: list[VisionlawError] = []
    for name in here.space.correspondence_datasets():
        try:
            usable.append(MeasuringC.prepare(here, name, None, scorer, device, **options))
        except (*UNAVAILABLE, DataError) as error:
            refused.append(error)
    if not usable:
        raise refused[0]
    for error in refused:
        note(f"Left out: {error.message} → {error.remedy}")
    yield from usable


def _tell_left_out(measuring: MeasuringC) -> None:
    """Note the pairs that a data set of files had to leave out."""
    from visionlaw.protocols import CheckedDataset

    if isinstance(measuring.data, CheckedDataset) and measuring.data.findings:
        name = measuring.measurement.dataset
        note(
            f"{plural(len(measuring.data.findings), 'finding')} about '{name}'; what cannot be used is left out. "
            f'→ visionlaw dataset check "{name}"'
        )


def _print_by(rows: Sequence[ScoreRow], attributes: Sequence[str]) -> None:
    """Print the breakdowns; of several data sets, one at least has to know each attribute."""
    from visionlaw.cli.score_views import print_breakdown

    by_dataset = {row.dataset: [other for other in rows if other.dataset == row.dataset] for row in rows}
    for attribute in attributes:
        unknown: list[DataError] = []
        for several in by_dataset.values():
            try:
                print_breakdown(several, attribute)
            except DataError as error:
                unknown.append(error)
        if len(unknown) == len(by_dataset):
            raise unknown[0]
        for error in unknown:
            note(str(error))


def _draw(
    measuring: MeasuringC,
    rows: Sequence[ScoreRow],
    chosen: Sequence[Representation],
    folder: Path,
    progress: Callable[[str, int, int], None],
) -> list[Path]:
    """Draw the matches of the best and the worst representation; their similarities are kept from scoring."""
    from visionlaw.report.gallery import draw_matches
    from visionlaw.scoring.representations import name_of

    shown = {row.representation: row for row in (rows[0], rows[-1])}
    _, matched = measuring.matches([r for r in chosen if name_of(r) in shown], progress)
    found = {name_of(representation): matches for representation, matches in matched}
    pictures: list[Path] = []
    for name, row in shown.items():
        pictures += draw_matches(row, found[name], folder)
    return pictures
