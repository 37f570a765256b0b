"""From an id to the facts of any model, asked of timm: the model is built on the meta device, without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import timm
import timm.models
import torch
from torch import nn

from visionlaw.errors import InvalidIdError, did_you_mean
from visionlaw.specs import EncoderSpec, Layer
from visionlaw_timm.backbone import Backbone
from visionlaw_timm.catalogue import with_weights
from visionlaw_timm.facts import Facts

_REGISTRY = cast("Any", timm.models)


def resolve(encoder_id: str) -> EncoderSpec:
    """Return the spec of ``timm/<architecture>.<tag>@<pixels>``, pinned where its weights are known to be.

    Raises:
        InvalidIdError: timm has no such model or tag, it has no weights on the hub, cannot take that resolution, or
            does not show its layers as one grid.
    """
    name, _, pixels = encoder_id.removeprefix("timm/").rpartition("@")
    return with_weights(measure(name, int(pixels))).spec(f"timm's {name}.")


def measure(name: str, resolution: int, arguments: Mapping[str, Any] = MappingProxyType({})) -> Facts:
    """Return the facts of a model at a resolution.

    Args:
        name: ``architecture.tag``.
        resolution: Input side in pixels.
        arguments: Of ``create_model``, for one of another width or depth than the published one.

    Raises:
        InvalidIdError: As :func:`resolve`.
    """
    config = _pretrained_config(name)
    backbone = _build(name, config, resolution, arguments)
    return Facts(
        name=name,
        resolution=resolution,
        layers=_layers(backbone, name, config, resolution),
        parameters=backbone.parameters,
        license=config.license,
        repository=config.hf_hub_id,
    )


def _pretrained_config(name: str) -> Any:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise InvalidIdError(
            f"timm {timm.__version__} has no model '{architecture}'.",
            did_you_mean(architecture, timm.list_models()) or "timm.list_models(pretrained=True) names them all.",
        )
    known = _REGISTRY.get_arch_pretrained_cfgs(architecture)
    config = known.get(name) if tag else None
    if config is None:
        tags = ", ".join(full.partition(".")[2] for full in known) or "none"
        wanted = f"has no tag '{tag}'" if tag else "needs a tag, so that the weights are certain"
        raise InvalidIdError(f"timm's '{architecture}' {wanted}.", f"Its tags: {tags}.")
    if not config.hf_hub_id or (config.hf_hub_filename or "model.safetensors") != "model.safetensors":
        pretrained = [full for full, other in known.items() if other.hf_hub_id and not other.hf_hub_filename]
        raise InvalidIdError(
            f"timm's '{name}' has no weights as safetensors on the hub.",
            f"These have: {', '.join(pretrained)}." if pretrained else "",
        )
    return config


def needs_size(name: str) -> bool:
    """Whether a model is built for one size, which ``img_size`` changes."""
    return bool(_REGISTRY.get_pretrained_cfg(name).fixed_input_size)


def _build(name: str, config: Any, resolution: int, others: Mapping[str, Any]) -> Backbone:
    if config.input_size[0] != 3:
        raise InvalidIdError(f"timm's '{name}' takes {config.input_size[0]} channels, not RGB images.")
    resized = needs_size(name) and config.input_size[-1] != resolution
    arguments = dict(others) | ({"img_size": resolution} if resized else {})
    try:
        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False, **arguments)
    except (TypeError, AssertionError, ValueError, RuntimeError) as error:
        raise _wrong_size(name, config, resolution) from error
    if resized and not _interpolates(name, model, others):
        raise _wrong_size(name, config, resolution)
    if not hasattr(model, "forward_intermediates") or not hasattr(model, "prune_intermediate_layers"):
        raise InvalidIdError(f"timm's '{name}' does not show its layers (it has no forward_intermediates).")
    return Backbone(model)


def _interpolates(name: str, model: nn.Module, others: Mapping[str, Any]) -> bool:
    """Whether timm fits weights to another size: it does where it can change the size of a model that exists.

    Where the size changes no weight, there is nothing to fit. The others, SAM for instance, can be built for another
    size but not loaded.
    """
    if hasattr(model, "set_input_size"):
        return True
    with torch.device("meta"):
        usual = timm.create_model(name, pretrained=False, **others).state_dict()
    return {n: v.shape for n, v in model.state_dict().items()} == {n: v.shape for n, v in usual.items()}


def _layers(backbone: Backbone, name: str, config: Any, resolution: int) -> tuple[Layer, ...]:
    batch = torch.empty(1, 3, resolution, resolution, device="meta")
    indices = range(backbone.count)
    try:
        with torch.inference_mode():
            maps = [*backbone.read(batch, indices[:-1]), *backbone.read(batch, indices[-1:])]
    except (AssertionError, ValueError, RuntimeError) as error:
        raise _wrong_size(name, config, resolution) from error
    own = config.input_size[-1] == resolution
    for patch, features in zip(backbone.reductions, maps, strict=True):
        whole = resolution % patch == 0 or (own and patch == backbone.patch_size)
        if not whole or tuple(features.shape[2:]) != (resolution // patch,) * 2:
            raise _wrong_size(name, config, resolution)
    return tuple(Layer(p, int(m.shape[1])) for p, m in zip(backbone.reductions, maps, strict=True))


def _wrong_size(name: str, config: Any, resolution: int) -> InvalidIdError:
    own = config.input_size[-1]
    return InvalidIdError(
        f"timm's '{name}' cannot turn {resolution}×{resolution} pixels into whole tokens.",
        f"Its own size: timm/{name}@{own}" if own != resolution else "Choose another model.",
    )
