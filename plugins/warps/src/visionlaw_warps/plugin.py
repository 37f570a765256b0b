"""What this plugin offers visionlaw: the data set ``warps`` and the image source ``warps/photos``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, ImageSourceSpec, Option

PHOTOS_LICENSE = "public domain or CC0; motorcycle: Middlebury Stereo 2014"


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List the warps of a folder of images, by default of scikit-image's photographs."""
    yield DatasetSpec(
        id="warps",
        target="visionlaw_warps.dataset:build",
        description="Images and their seeded warps (plane, rotation, blur, JPEG, light), with exact ground truth.",
        tags=("synthetic", "keypoints", "no-download"),
        options={
            "pairs": Option(type="int", default=8, description="Warps of each image, 1 to 1,000."),
            "seed": Option(type="int", default=0, description="Seed of everything random, 0 or more."),
            "level": Option(
                type="float",
                default=1.0,
                description="Strength of all that is drawn, 0 (occluders only) to 2; 1 is the standard.",
            ),
            "kind": Option(
                type="str",
                default="mixed",
                choices=("mixed", "plane", "rotation", "blur", "jpeg", "light"),
                description="What makes matching hard: a plane warp alone (half of mixed), or another thing as well.",
            ),
        },
        license=PHOTOS_LICENSE,
        homepage="https://scikit-image.org/docs/stable/api/skimage.data.html",
    )


@hookimpl
def visionlaw_image_sources() -> Iterator[ImageSourceSpec]:
    """List scikit-image's photographs, or any folder of images, without captions."""
    yield ImageSourceSpec(
        id="warps/photos",
        target="visionlaw_warps.photos:build",
        description="The colour photographs in the scikit-image wheel, or the images of a folder.",
        tags=("no-download",),
        license=PHOTOS_LICENSE,
    )
