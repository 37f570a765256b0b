"""Core's own contributions, registered through the same hooks as anyone's."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import CombinerSpec, DatasetSpec, ImageSourceSpec, Option, SamplerSpec, ScorerSpec


@hookimpl
def visionlaw_combiners() -> Iterable[CombinerSpec]:
    """List channel concatenation."""
    yield CombinerSpec(
        id="concat",
        target="visionlaw.features.combine:ConcatCombiner",
        extras=("torch",),
        description="Channel concatenation of the normalised tokens; unequal grids are resampled to the larger one.",
    )


@hookimpl
def visionlaw_scorers() -> Iterable[ScorerSpec]:
    """List correspondence."""
    yield ScorerSpec(
        id="correspondence",
        target="visionlaw.correspondence.score:CorrespondenceScorer",
        extras=("torch",),
        measures="C",
        unit="PCK, % of keypoints, 0–100",
        description="Share of keypoints that the nearest token finds in the other image.",
        options={
            "alpha": Option(type="float", default=0.10, description="Share of the target's size that counts as hit."),
            "protocol": Option(
                type="str",
                default="strict",
                choices=("strict", "reference"),
                description="How keypoints are mapped and judged: strict, or as the publications' code.",
            ),
            "matcher": Option(
                type="str",
                default="argmax",
                choices=("argmax", "softargmax", "upsampled"),
                description="How the strict protocol finds a position.",
            ),
        },
    )
    yield ScorerSpec(
        id="maxcos",
        target="visionlaw.alignment.maxcos:MaxCosScorer",
        extras=("torch",),
        measures="A",
        unit="cosine, -1 to 1",
        description="Projected tokens against the most similar ones of reference encoders (ICLR 2025).",
        data="images",
        needs=("projectors", "references", "language"),
    )
    yield ScorerSpec(
        id="loglik",
        target="visionlaw.alignment.loglik:LogLikScorer",
        extras=("language",),
        measures="A",
        unit="mean log-probability of a caption's token, at most 0",
        description="How likely a language model finds captions, given the projected image (COLM 2025).",
        data="captions",
        needs=("projectors", "language"),
    )


_COLUMNS = {
    "image": Option(type="str", default="image", description="The column of the images."),
    "caption": Option(type="str", default="caption", description="The column of the captions, if there is one."),
}


@hookimpl
def visionlaw_image_sources() -> Iterable[ImageSourceSpec]:
    """List folders, lists of files, and tables."""
    yield ImageSourceSpec(
        id="folder",
        target="visionlaw.images.folder:build",
        description="The images of a folder and of all folders in it.",
        tags=("no-download",),
    )
    yield ImageSourceSpec(
        id="list",
        target="visionlaw.images.listed:build",
        description="Images that a file lists, relative to it: a path a line, or .csv, .tsv, .jsonl with captions.",
        tags=("no-download",),
        options=_COLUMNS,
        captions=True,
    )
    yield ImageSourceSpec(
        id="parquet",
        target="visionlaw.images.parquet:build",
        description="Images in a parquet file, or in a folder of them, with captions where there is a column of them.",
        tags=("no-download",),
        extras=("parquet",),
        options=_COLUMNS,
        captions=True,
    )
    yield ImageSourceSpec(
        id="hf",
        target="visionlaw.images.huggingface:build",
        description="A Hugging Face data set on this machine: saved to disk, or a folder of Arrow or parquet files.",
        tags=("no-download",),
        extras=("parquet",),
        options={
            **_COLUMNS,
            "split": Option(type="str", default="", description="The split, where there are several."),
        },
        captions=True,
    )


@hookimpl
def visionlaw_datasets() -> Iterable[DatasetSpec]:
    """List the form in which pairs are exchanged."""
    yield DatasetSpec(
        id="pairs",
        target="visionlaw.datasets.folder:build",
        description="Pairs of your own: a folder of pairs.json and images, as 'visionlaw dataset make' writes it.",
        tags=("keypoints", "no-download"),
        license="as the folder's maker says",
        needs_root=True,
    )


@hookimpl
def visionlaw_samplers() -> Iterable[SamplerSpec]:
    """List the paper's sampler and chance."""
    yield SamplerSpec(
        id="region",
        target="visionlaw.policy.samplers:RegionSampler",
        description="The paper's: one setting from each region of the (A, C) square, in ever finer divisions.",
    )
    yield SamplerSpec(
        id="random",
        target="visionlaw.policy.samplers:RandomSampler",
        description="Any setting that has not been trained, with equal chance.",
    )
