"""What this plugin offers visionlaw: the data sets ``pf/pascal`` and ``pf/willow``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, Option

HOMEPAGE = "https://www.di.ens.fr/willow/research/proposalflow/"


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List PF-PASCAL and PF-WILLOW."""
    yield DatasetSpec(
        id="pf/pascal",
        target="visionlaw_pf.pascal:build",
        description="PF-PASCAL: objects of 20 categories in similar poses; α multiplies the target's longer side.",
        aliases=("pf-pascal",),
        tags=("semantic", "keypoints"),
        options={
            "split": Option(type="str", default="test", choices=("trn", "val", "test"), description="Which pairs."),
        },
        license="not stated by the authors; the images are PASCAL VOC's, under Flickr's terms of use",
        homepage=HOMEPAGE,
        needs_root=True,
        tiny="visionlaw_pf.tiny:write_pascal",
    )
    yield DatasetSpec(
        id="pf/willow",
        target="visionlaw_pf.willow:build",
        description="PF-WILLOW: cars, ducks, motorbikes, wine bottles; α multiplies the target keypoints' extent.",
        aliases=("pf-willow",),
        tags=("semantic", "keypoints"),
        license="not stated by the authors",
        homepage=HOMEPAGE,
        needs_root=True,
        tiny="visionlaw_pf.tiny:write_willow",
    )
