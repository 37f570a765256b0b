"""Specs: frozen, JSON in and out, self-consistent."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from visionlaw.specs import SPEC_TYPES, EncoderSpec, Option

CLIP = EncoderSpec(
    id="clip/vit-l-14@336", target="visionlaw_transformers.clip:Clip", resolution=336, patch=14, channels=1024,
    options={"layer": Option(type="int", default=-1, description="Block.")},
)  # fmt: skip


def test_json_round_trip() -> None:
    assert EncoderSpec.model_validate_json(CLIP.model_dump_json()) == CLIP
    assert CLIP.model_dump(mode="json")["grid"] == [24, 24]


@pytest.mark.parametrize(
    ("resolution", "patch", "stride", "side"),
    [(224, 14, None, 16), (224, 16, None, 14), (256, 16, 8, 31), (768, 32, None, 24), (512, 16, None, 32)],
)
def test_grid_follows_from_patch_and_stride(resolution: int, patch: int, stride: int | None, side: int) -> None:
    spec = EncoderSpec(
        id=f"x/y@{resolution}", target="a:b", resolution=resolution, patch=patch, stride=stride, channels=1
    )
    assert spec.grid == (side, side)


@pytest.mark.parametrize(
    "change",
    [{"resolution": 224}, {"id": "clip"}, {"target": "clip.Clip"}, {"patch": 337}, {"channels": 0}, {"colour": "red"}],
)
def test_what_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EncoderSpec.model_validate(vars(CLIP) | change)


def test_specs_are_frozen_and_every_field_is_documented() -> None:
    with pytest.raises(ValidationError):
        CLIP.channels = 3  # pyright: ignore[reportAttributeAccessIssue]
    for spec_type in SPEC_TYPES.values():
        for name, field in spec_type.model_fields.items():
            assert field.description, f"{spec_type.__name__}.{name}"
