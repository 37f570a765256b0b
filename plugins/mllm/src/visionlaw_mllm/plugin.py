"""What this plugin offers visionlaw: stage 1 and stage 2, their records as an image source, and the verbs for them."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import CommandSpec, ImageSourceSpec, Option, TrainerSpec


@hookimpl
def visionlaw_image_sources() -> Iterator[ImageSourceSpec]:
    """List the image–caption pairs of LLaVA's records."""
    yield ImageSourceSpec(
        id="llava",
        target="visionlaw_mllm.source:build",
        description="Image–caption pairs of records in LLaVA's form: JSON, JSON lines, parquet or WebDataset shards.",
        captions=True,
        options={
            "images": Option(
                type="str",
                default="",
                description="The folder that image paths start in, seen from the one that the records lie in.",
            ),
        },
        license="as the records' maker says",
        tiny="visionlaw_mllm.tiny:write_source",
    )


@hookimpl
def visionlaw_trainers() -> Iterator[TrainerSpec]:
    """List the trainer of LLaVA."""
    texts = {
        "data": "Records of stage 2, in LLaVA's form.",
        "images": "The folder that image paths in the records are relative to; empty: where the records are.",
        "pairs": "Records of stage 1, for representations that have no projector yet.",
        "recipe": "Hyper-parameters of stage 2, by name.",
        "tasks": "A folder with further tasks of lmms-eval.",
    }
    defaults = {"recipe": "llava-1.5-stage2"}
    options = {name: Option(type="str", default=defaults.get(name, ""), description=t) for name, t in texts.items()}
    batch = Option(type="int", default=8, description="Prompts that pass the language model together, at least 1.")
    yield TrainerSpec(
        id="llava",
        target="visionlaw_mllm.trainer:LLaVATrainer",
        description="Stage 1 where it is missing, stage 2, and an evaluation by lmms-eval.",
        options=options | {"batch_size": batch},
        extras=("lmms",),
        tiny="visionlaw_mllm.tiny:write_project",
    )


@hookimpl
def visionlaw_commands() -> Iterator[CommandSpec]:
    """List the verbs that train."""
    yield CommandSpec(
        id="align",
        target="visionlaw_mllm.cli.align:align",
        description="Stage 1: train the projectors of representations.",
    )
    yield CommandSpec(
        id="finetune",
        target="visionlaw_mllm.cli.finetune:finetune",
        description="Stage 2: train an MLLM on a representation.",
    )
    yield CommandSpec(
        id="projector",
        target="visionlaw_mllm.cli.projector:app",
        description="Projectors: list, import, export.",
    )
