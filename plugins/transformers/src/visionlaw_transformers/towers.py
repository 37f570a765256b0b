"""From a spec to an encoder: the targets of all families."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers

from visionlaw.errors import InvalidIdError, VisionlawError, WeightsError
from visionlaw.guard import describe_error
from visionlaw.specs import EncoderSpec
from visionlaw.weights import weights_folder
from visionlaw_transformers.anatomy import find_blocks, first_patch
from visionlaw_transformers.clip import FAMILY as CLIP
from visionlaw_transformers.configs import normalisation, read_json, side
from visionlaw_transformers.dinov2 import has_registers
from visionlaw_transformers.encoder import LAST, LayeredTowerEncoder, Tower, TowerEncoder
from visionlaw_transformers.families import Family
from visionlaw_transformers.loading import load_config, load_module, require_loaded, tower_class
from visionlaw_transformers.siglip import FAMILY as SIGLIP
from visionlaw_transformers.siglip2 import FAMILY as SIGLIP2

Numbers = Sequence[float] | None

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
"""As mean and as standard deviation: pixels in −1–1, SigLIP's own normalisation and everyone's in ``reference``."""


def clip(spec: EncoderSpec, layer: int = LAST, mode: str = "strict") -> TowerEncoder:
    """Load a CLIP vision tower. The last hidden state has no final norm: CLIP has one for the class token only."""
    folder = weights_folder(spec)
    config = _config(spec, folder, ("clip", "clip_vision_model"), CLIP)
    return _encoder(spec, folder, config, transformers.CLIPVisionModel, CLIP_MEAN, CLIP_STD, layer, mode)


def siglip(spec: EncoderSpec, layer: int = LAST, mode: str = "strict", family: Family = SIGLIP) -> TowerEncoder:
    """Load a SigLIP vision tower, without its attention-pooling head."""
    folder = weights_folder(spec)
    config = _config(spec, folder, ("siglip", "siglip_vision_model"), family)
    return _encoder(spec, folder, config, transformers.SiglipVisionModel, HALF, HALF, layer, mode)


def siglip2(spec: EncoderSpec, layer: int = LAST, mode: str = "strict") -> TowerEncoder:
    """Load a SigLIP 2 vision tower of fixed resolution, which is SigLIP's architecture with other weights."""
    return siglip(spec, layer, mode, SIGLIP2)


def dinov2(spec: EncoderSpec, layer: int = LAST, mode: str = "strict") -> TowerEncoder:
    """Load DINOv2, with registers where the id says ``-reg``; it interpolates its position embeddings by itself."""
    folder = weights_folder(spec)
    registers = has_registers(spec.id)
    kind = "dinov2_with_registers" if registers else "dinov2"
    model = transformers.Dinov2WithRegistersModel if registers else transformers.Dinov2Model
    config = _config(spec, folder, (kind,))
    return _encoder(spec, folder, config, model, IMAGENET_MEAN, IMAGENET_STD, layer, mode)


def dinov3(spec: EncoderSpec, layer: int = LAST, mode: str = "strict") -> TowerEncoder:
    """Load a DINOv3 vision transformer; its rotary positions fit any resolution."""
    folder = weights_folder(spec)
    config = _config(spec, folder, ("dinov3_vit",))
    return _encoder(spec, folder, config, transformers.DINOv3ViTModel, IMAGENET_MEAN, IMAGENET_STD, layer, mode)


def hf(spec: EncoderSpec, layer: int = LAST, mode: str = "strict") -> TowerEncoder:
    """Load any vision transformer that transformers has, the vision tower of a dual model, as AutoModel would."""
    folder = weights_folder(spec)
    config = load_config(folder, spec.id)
    model = tower_class(config, spec.id)
    mean, std = normalisation(folder, spec.id)
    return _encoder(spec, folder, config, model, mean, std, layer, mode)


def _config(spec: EncoderSpec, folder: Path, kinds: tuple[str, ...], family: Family | None = None) -> Any:
    """Return the configuration of the vision tower in a folder that holds the architecture and size of a spec.

    Its depth may differ, since towers are published without their last blocks. A ``family`` with weights for several
    resolutions has that of the position embeddings checked too.

    Raises:
        WeightsError: It holds something else.
    """
    kind = read_json(folder / "config.json", spec.id).get("model_type")
    if kind not in kinds:
        raise WeightsError(
            f"'{folder}' holds a model of the type '{kind}', and '{spec.id}' is one of the type '{kinds[0]}'.",
            f"Give a folder that holds one: --checkpoint {spec.id}=FOLDER.",
        )
    config = load_config(folder, spec.id)
    expected = {"hidden_size": spec.channels, "patch_size": spec.patch}
    expected |= {"image_size": family.checkpoint(spec.id).native} if family else {}
    for name, value in expected.items():
        found = side(getattr(config, name, None))
        if found != value:
            raise WeightsError(
                f"The model in '{folder}' is not '{spec.id}': its {name} is {found}, not {value}.",
                f"Give a folder that holds it: --checkpoint {spec.id}=FOLDER.",
            )
    return config


def _encoder(
    spec: EncoderSpec, folder: Path, config: Any, model_class: Any, mean: Numbers, std: Numbers, layer: int, mode: str
) -> TowerEncoder:
    reference = mode == "reference"
    if reference and layer != LAST:
        raise InvalidIdError(
            f"'{spec.id}' has the layer {layer} and mode=reference, which reads the last but one.",
            "Give one of the two options.",
        )
    tower = _tower(spec, folder, config, model_class, mean, std)
    if reference:
        return TowerEncoder(replace(tower, mean=HALF, std=HALF), layer=-2)
    return LayeredTowerEncoder(tower, layer)


def _tower(spec: EncoderSpec, folder: Path, config: Any, model_class: Any, mean: Numbers, std: Numbers) -> Tower:
    module, missing = load_module(model_class, folder, config, spec.id)
    blocks = find_blocks(module, getattr(config, "num_hidden_layers", 0))
    interpolates = "interpolate_pos_encoding" in inspect.signature(model_class.forward).parameters
    other_size = side(getattr(config, "image_size", None)) != spec.resolution
    arguments = {"interpolate_pos_encoding": True} if interpolates and other_size else {}
    tower = Tower(spec, module, blocks, 0, arguments, mean, std)
    try:
        start = first_patch(blocks, tower.forward, spec.resolution, spec.grid) if blocks else None
        empty = torch.zeros(1, 3, spec.resolution, spec.resolution)
        require_loaded(module, missing, lambda: tower.forward(empty).last_hidden_state, spec.id)
    except VisionlawError:
        raise
    except Exception as error:
        raise WeightsError(
            f"'{spec.id}' cannot encode images of {spec.resolution}×{spec.resolution} pixels: {describe_error(error)}."
        ) from error
    if start is None:
        kind = getattr(config, "model_type", "")
        raise WeightsError(
            f"'{spec.id}' cannot be used: '{kind}' has no grid of {spec.grid[0]}×{spec.grid[1]} patch tokens.",
            "Take it from another family, for instance timm, if that has it.",
        )
    return replace(tower, start=start)
