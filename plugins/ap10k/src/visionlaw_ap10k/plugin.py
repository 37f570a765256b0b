"""What this plugin offers visionlaw: the data set ``ap10k``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, Option

SPLITS = ("trn", "val", "test", "val_cross_species", "test_cross_species", "val_cross_family", "test_cross_family")
ALL = "all"


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List the benchmark."""
    yield DatasetSpec(
        id="ap10k",
        target="visionlaw_ap10k.dataset:build",
        description="AP-10K: animals of 54 species, in pairs of one species, one family or two families.",
        aliases=("ap-10k",),
        tags=("semantic", "keypoints", "animals"),
        options={
            "split": Option(
                type="str",
                default="test",
                choices=SPLITS,
                description="Which pairs: of one species, or across the species of a family, or across families.",
            ),
            "category": Option(
                type="str",
                default=ALL,
                description="The species, or of cross_species the family, with _ for a space, such as polar_bear.",
            ),
        },
        license="CC-BY-4.0",
        homepage="https://github.com/AlexTheBad/AP-10K",
        needs_root=True,
        tiny="visionlaw_ap10k.tiny:write",
    )
