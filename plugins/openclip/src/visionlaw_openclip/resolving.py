"""From an id to the facts of any tower, asked of open_clip: the tower is built on the meta device, without weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import open_clip
import torch

from visionlaw.errors import InvalidIdError, did_you_mean
from visionlaw.specs import EncoderSpec, Layer
from visionlaw_openclip.catalogue import model_and_tag, with_weights
from visionlaw_openclip.facts import Facts
from visionlaw_openclip.tower import Tower, UnsuitableSizeError, build_tower


def resolve(encoder_id: str) -> EncoderSpec:
    """Return the spec of ``openclip/<model>/<pretrained>@<pixels>``, pinned where its weights are known to be.

    Raises:
        InvalidIdError: open_clip has no such model or tag, the tag has no safetensors on the hub, or the tower cannot
            take that resolution or does not show its layers.
    """
    model, tag = model_and_tag(encoder_id)
    facts = with_weights(measure(model, tag, int(encoder_id.rpartition("@")[2])))
    name = encoder_id.removeprefix("openclip/").rpartition("@")[0]
    return facts.spec(None if encoder_id == facts.id else name, f"OpenCLIP's {model}, {tag}.")


def measure(model: str, tag: str, resolution: int, config: Mapping[str, Any] | None = None) -> Facts:
    """Return the facts of a tower at a resolution.

    Args:
        model: The architecture, as open_clip names it.
        tag: Of its weights, as open_clip names it.
        resolution: Input side in pixels.
        config: ``model_cfg`` of one of another width or depth; None: the published one.

    Raises:
        InvalidIdError: As :func:`resolve`.
    """
    repository = _repository(model, tag)
    config = config or cast("dict[str, Any]", open_clip.get_model_config(model))
    own: int = config["vision_cfg"].get("image_size", 224)
    refused = InvalidIdError(
        f"OpenCLIP's '{model}' cannot turn {resolution}×{resolution} pixels into whole tokens.",
        f"Its own size: openclip/{model}/{tag}@{own}" if own != resolution else "Choose another model.",
    )
    try:
        with torch.device("meta"):
            tower = build_tower(config, resolution)
            tower.resize(resolution)
        layers = _layers(tower, resolution, whole=own != resolution)
    except (UnsuitableSizeError, AssertionError, RuntimeError) as error:
        raise refused from error
    except (TypeError, AttributeError) as error:
        raise InvalidIdError(f"The vision tower of OpenCLIP's '{model}' does not show its layers.") from error
    return Facts(model, tag, resolution, layers, tower.parameters, repository, tower.transformer)


def _repository(model: str, tag: str) -> str:
    if model not in open_clip.list_models():
        known = [name for name in open_clip.list_models() if open_clip.list_pretrained_tags_by_model(name)]
        raise InvalidIdError(
            f"OpenCLIP has no model '{model}'.", did_you_mean(model, known) or "open_clip.list_pretrained() names them."
        )
    tags: list[str] = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        raise InvalidIdError(
            f"OpenCLIP's '{model}' has no weights '{tag}'." if tag else f"OpenCLIP's '{model}' needs a pretrained tag.",
            f"Write openclip/{model}/TAG@PIXELS; its tags: {', '.join(tags)}." if tags else "It has none at all.",
        )
    place: str = open_clip.get_pretrained_cfg(model, tag).get("hf_hub", "")
    repository, _, file = place.rpartition("/")
    if not repository:
        raise InvalidIdError(f"The weights '{tag}' of OpenCLIP's '{model}' are not on the hub.", _others(model))
    if file and not file.endswith(".safetensors"):
        raise InvalidIdError(
            f"The weights '{tag}' of OpenCLIP's '{model}' are pickles, which can run code.", _others(model)
        )
    return repository


def _others(model: str) -> str:
    places: dict[str, Any] = {
        tag: open_clip.get_pretrained_cfg(model, tag) for tag in open_clip.list_pretrained_tags_by_model(model)
    }
    suitable = [tag for tag, place in places.items() if place.get("hf_hub", "").endswith("/")]
    return f"Its tags with safetensors: {', '.join(suitable)}." if suitable else "Choose another model."


def _layers(tower: Tower, resolution: int, whole: bool) -> tuple[Layer, ...]:
    batch = torch.empty(1, 3, resolution, resolution, device="meta")
    with torch.inference_mode():
        maps = tower.read(batch, range(tower.count))
    for patch, features in zip(tower.reductions, maps, strict=True):
        if resolution % patch and (whole or patch != tower.patch_size):
            raise UnsuitableSizeError(f"{resolution} is not a multiple of {patch}")
        if tuple(features.shape[2:]) != (resolution // patch,) * 2:
            raise UnsuitableSizeError(f"a map of {tuple(features.shape[2:])}")
    return tuple(Layer(p, int(m.shape[1])) for p, m in zip(tower.reductions, maps, strict=True))
