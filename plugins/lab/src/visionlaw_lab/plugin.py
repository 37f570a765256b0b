"""What this plugin offers visionlaw: the lab's encoders, images, pairs, trainer, and the verb ``lab``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import CommandSpec, DatasetSpec, EncoderSpec, ImageSourceSpec, Option, TrainerSpec
from visionlaw_lab.recipes import RECIPES, spec_of

LICENSE = "Apache-2.0; digits: UCI, CC BY 4.0"
BENCHMARKS = ("existence", "counting", "position", "colour", "digit", "word")
SEED = Option(type="int", default=0, description="Seed of everything random, 0 or more.")
IMAGES = Option(type="int", default=240, description="How many scenes there are, 1 to 100,000.")


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List the encoders that are trained in the lab, on first use."""
    yield from map(spec_of, RECIPES)


@hookimpl
def visionlaw_image_sources() -> Iterator[ImageSourceSpec]:
    """List the scenes of each benchmark, and scenes with captions."""
    yield ImageSourceSpec(
        id="lab",
        target="visionlaw_lab.sources:build_benchmark",
        description="The lab's scenes that a benchmark asks about.",
        tags=("synthetic", "no-download"),
        license=LICENSE,
        options={
            "benchmark": Option(
                type="str", default="existence", choices=BENCHMARKS, description="Whose scenes they are."
            ),
            "images": IMAGES,
            "seed": SEED,
        },
    )
    yield ImageSourceSpec(
        id="lab/captions",
        target="visionlaw_lab.sources:build_captions",
        description="The lab's scenes with captions that tell everything in them.",
        tags=("synthetic", "no-download"),
        license=LICENSE,
        captions=True,
        options={"images": IMAGES, "seed": SEED},
    )


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List the lab's pairs of scenes with the same things in other places."""
    yield DatasetSpec(
        id="lab",
        target="visionlaw_lab.pairs:build",
        description="The same things in other places: the lab's scenes and their rearrangements, with exact truth.",
        tags=("synthetic", "keypoints", "no-download"),
        options={
            "pairs": Option(type="int", default=100, description="How many pairs, 1 to 100,000."),
            "seed": SEED,
        },
        license=LICENSE,
    )


@hookimpl
def visionlaw_trainers() -> Iterator[TrainerSpec]:
    """List the lab's way to train and evaluate, in a folder that ``visionlaw lab run`` has made."""
    yield TrainerSpec(
        id="lab",
        target="visionlaw_lab.trainer:build",
        description="Stage 2 on the lab's conversations, and the lab's benchmarks, within a minute.",
        tiny="visionlaw_lab.tiny_project:write",
    )


@hookimpl
def visionlaw_commands() -> Iterator[CommandSpec]:
    """List the verb that runs the lab."""
    yield CommandSpec(
        id="lab",
        target="visionlaw_lab.cli:app",
        description="The law in vitro: the whole loop in a small world.",
    )
