"""What this plugin offers visionlaw: the data set ``spair``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, Option

CATEGORIES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "train",
    "tvmonitor",
)


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List SPair-71k."""
    yield DatasetSpec(
        id="spair",
        target="visionlaw_spair.dataset:build",
        aliases=("spair-71k",),
        description="SPair-71k: 70,958 pairs of different objects of one kind, 18 categories, annotated keypoints.",
        tags=("keypoints", "semantic", "natural images"),
        options={
            "split": Option(
                type="str",
                default="test",
                choices=("trn", "val", "test"),
                description="53,340, 5,384 or 12,234 pairs; published scores are of 'test'.",
            ),
            "layout": Option(
                type="str",
                default="large",
                choices=("large", "small"),
                description="Which list of pairs: all of a split, or the official selection of them.",
            ),
            "category": Option(
                type="str", default="all", choices=("all", *CATEGORIES), description="Only the pairs of one category."
            ),
        },
        license="none stated; the images are PASCAL VOC's, under Flickr's terms of use",
        homepage="https://cvlab.postech.ac.kr/research/SPair-71k/",
        needs_root=True,
        tiny="visionlaw_spair.tiny:write",
    )
