"""Core's own contributions, registered through the same hooks as anyone's."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import CombinerSpec, DatasetSpec, SamplerSpec, ScorerSpec


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
