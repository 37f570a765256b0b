"""DINOv3 (Siméoni et al., 2025), the vision transformers: self-supervised; rotary positions; gated on the hub."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_transformers.families import Checkpoint, Family

FAMILY = Family(
    prefix="dinov3",
    title="DINOv3",
    license="DINOv3-License",
    tags=("self-supervised", "gated"),
    checkpoints={
        "small": (
            Checkpoint(
                "facebook/dinov3-vits16-pretrain-lvd1689m",
                "114c1379950215c8b35dfcd4e90a5c251dde0d32",
                16,
                384,
                21_596_544,
                224,
            ),
        ),
        "small-plus": (
            Checkpoint(
                "facebook/dinov3-vits16plus-pretrain-lvd1689m",
                "c93d816fc9e567563bc068f01475bec89cc634a6",
                16,
                384,
                28_692_864,
                224,
            ),
        ),
        "base": (
            Checkpoint(
                "facebook/dinov3-vitb16-pretrain-lvd1689m",
                "5931719e67bbdb9737e363e781fb0c67687896bc",
                16,
                768,
                85_660_416,
                224,
            ),
        ),
        "large": (
            Checkpoint(
                "facebook/dinov3-vitl16-pretrain-lvd1689m",
                "ea8dc2863c51be0a264bab82070e3e8836b02d51",
                16,
                1024,
                303_129_600,
                224,
            ),
        ),
        "huge-plus": (
            Checkpoint(
                "facebook/dinov3-vith16plus-pretrain-lvd1689m",
                "c807c9eeea853df70aec4069e6f56b28ddc82acc",
                16,
                1280,
                840_592_640,
                224,
            ),
        ),
        "7b": (
            Checkpoint(
                "facebook/dinov3-vit7b16-pretrain-lvd1689m",
                "b80367753773648a6793235ab9c65cdbb029506f",
                16,
                4096,
                6_716_035_072,
                224,
            ),
        ),
    },
    resolutions=(224, 256, 384),
)


@hookimpl
def visionlaw_encoders() -> Iterable[EncoderSpec]:
    """List the encoders at 224, 256 and 384 pixels."""
    return FAMILY.encoders()


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec | None:  # noqa: A002
    """Resolve ``dinov3/<name>@<multiple of its patch>``."""
    return FAMILY.resolve(id)
