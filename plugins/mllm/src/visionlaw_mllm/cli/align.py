"""``visionlaw align``: stage 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.choosing import combinable, usable
from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.encoders import CheckpointOption, DeviceOption, DtypeOption, read_checkpoints
from visionlaw.cli.output import note, plural, print_json, write_columns
from visionlaw_mllm.cli.options import (
    BatchOption,
    CheckpointingOption,
    DataOption,
    EpochsOption,
    EveryOption,
    GlobalBatchOption,
    ImagesOption,
    LanguageOption,
    RateOption,
    SeedOption,
    StepsOption,
    chosen_language,
    training_progress,
)

if TYPE_CHECKING:
    from visionlaw.alignment.projector import ProjectorCard
    from visionlaw.project import Project


def align(
    representations: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID", help="Ids, aliases or combinations such as 'a/b@224 + c/d@224'; default: those of the space."
        ),
    ] = None,
    *,
    data: DataOption,
    images: ImagesOption = None,
    lm: LanguageOption = None,
    recipe: Annotated[str, typer.Option(help="Hyper-parameters, by name.")] = "llava-1.5-stage1",
    kind: Annotated[str, typer.Option(help="Of the projectors: mlp2x_gelu or linear.")] = "mlp2x_gelu",
    lr: RateOption = None,
    epochs: EpochsOption = None,
    steps: StepsOption = None,
    global_batch: GlobalBatchOption = None,
    batch_size: BatchOption = None,
    gradient_checkpointing: CheckpointingOption = False,
    checkpoint_every: EveryOption = 200,
    seed: SeedOption = 0,
    device: DeviceOption = None,
    dtype: DtypeOption = "float32",
    checkpoint: CheckpointOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stage 1: train the projectors of representations on image–caption pairs, everything else frozen.

    All representations are trained in one run, in which each encoder sees each image once. What was trained just so is
    not trained again; an interrupted run goes on from its last checkpoint when the same command is given again.

    Example: visionlaw align clip@224 dinov2@224 --data blip_558k.json --images images/ --lm lmsys/vicuna-7b-v1.5
    """
    here = project(space)
    names = representations or usable(here)
    for name in names:
        here.space.canonical(name)  # a slip of the pen is told before torch is imported
    from typing import cast

    from visionlaw.cli.encoders import read_runtime
    from visionlaw_mllm.align import align as train
    from visionlaw_mllm.recipes import find_recipe

    runtime = read_runtime(device, dtype)
    chosen = combinable(here.representations(names, runtime, read_checkpoints(checkpoint)))
    followed = find_recipe(recipe, lr=lr, epochs=epochs, steps=steps, global_batch=global_batch)
    with training_progress() as progress:
        cards = train(
            here,
            chosen,
            chosen_language(here, lm),
            data,
            images,
            followed,
            cast("Any", kind),
            progress,
            seed=seed,
            batch_size=batch_size,
            runtime=runtime,
            gradient_checkpointing=gradient_checkpointing,
            checkpoint_every=checkpoint_every,
        )
    if as_json:
        print_json([vars(card) for card in cards])
        return
    columns = ("REPRESENTATION", "C → d", "STEPS", "LOSS", "")
    write_columns(columns, [_cells(card) for card in cards])
    _tell_skipped(here, cards)


def _cells(card: ProjectorCard) -> tuple[str, ...]:
    first, last = card.training["losses"]
    cells = card.representation, f"{card.channels} → {card.width}", str(card.training["steps"])
    return *cells, f"{first:.3f} → {last:.3f}", card.digest.removeprefix("sha256:")[:8]


def _tell_skipped(here: Project, cards: list[ProjectorCard]) -> None:
    for run, skipped in sorted({(card.training["run"], card.training["skipped"]) for card in cards}):
        if skipped:
            where = here.state_dir / "runs" / run / "skipped.jsonl"
            note(f"{plural(skipped, 'record')} skipped; the reasons are in {where}")
