"""What this plugin offers visionlaw: the data set ``hpatches``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, Option


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List the sequences of HPatches, 116 × 5 pairs."""
    yield DatasetSpec(
        id="hpatches",
        target="visionlaw_hpatches.dataset:build",
        description="HPatches: planes from other viewpoints and scenes in other light, with their homographies.",
        tags=("keypoints", "natural-images", "viewpoint", "illumination"),
        options={
            "split": Option(
                type="str",
                default="all",
                choices=("all", "i", "v"),
                description="Which sequences: i (illumination changes, 57), v (viewpoint changes, 59) or all.",
            ),
        },
        license="MIT (the repository's); some sequences come from older data sets, see its references",
        homepage="https://github.com/hpatches/hpatches-dataset",
        needs_root=True,
        tiny="visionlaw_hpatches.tiny:write",
    )
