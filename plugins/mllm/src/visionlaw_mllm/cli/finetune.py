"""``visionlaw finetune``: stage 2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.encoders import CheckpointOption, DeviceOption, DtypeOption, read_checkpoints
from visionlaw.cli.output import note, plural, print_json, write
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


def finetune(
    representation: Annotated[str, typer.Argument(metavar="ID", help="An id, alias or combination.")],
    *,
    data: DataOption,
    images: ImagesOption = None,
    lm: LanguageOption = None,
    recipe: Annotated[
        str, typer.Option(help="Hyper-parameters, by name: llava-1.5-stage2, or llava-1.5-stage2-lora.")
    ] = "llava-1.5-stage2",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the model; default: the project's.")
    ] = None,
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
    """Stage 2: train projector and language model on conversations, and say where the model is.

    It starts from the projector that 'visionlaw align' has trained. An interrupted run goes on from its last checkpoint
    when the same command is given again. On several devices: accelerate launch -m visionlaw finetune …

    Example: visionlaw finetune clip@224 --data llava_665k.json --images images/ --lm lmsys/vicuna-7b-v1.5
    """
    here = project(space)
    here.space.canonical(representation)  # a slip of the pen is told before torch is imported
    from visionlaw.cli.encoders import read_runtime
    from visionlaw_mllm.finetune import finetune as train
    from visionlaw_mllm.finetune import how_trained
    from visionlaw_mllm.recipes import find_recipe

    runtime = read_runtime(device, dtype)
    (chosen,) = here.representations([representation], runtime, read_checkpoints(checkpoint))
    followed = find_recipe(recipe, lr=lr, epochs=epochs, steps=steps, global_batch=global_batch)
    with training_progress() as progress:
        folder = train(
            here,
            chosen,
            chosen_language(here, lm),
            data,
            images,
            followed,
            progress,
            folder=out,
            seed=seed,
            batch_size=batch_size,
            runtime=runtime,
            gradient_checkpointing=gradient_checkpointing,
            checkpoint_every=checkpoint_every,
        )
    facts = how_trained(folder)
    if as_json:
        print_json({"folder": str(folder), **facts})
        return
    first, last = facts["losses"]
    write(str(folder))
    note(f"{plural(facts['steps'], 'step')}, loss {first:.3f} → {last:.3f}")
    if facts["skipped"]:
        where = here.state_dir / "runs" / facts["run"] / "skipped.jsonl"
        note(f"{plural(facts['skipped'], 'record')} skipped; the reasons are in {where}")
