"""A vision tower with the weights of a folder, in open_clip's own format; the text tower's weights are never read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import open_clip
import torch
from open_clip.model import resize_pos_embed
from safetensors import SafetensorError, safe_open

from visionlaw.errors import WeightsError
from visionlaw.specs import EncoderSpec
from visionlaw.weights import weights_folder
from visionlaw_openclip.catalogue import model_and_tag
from visionlaw_openclip.facts import CONFIG, WEIGHTS
from visionlaw_openclip.tower import Tower, UnsuitableSizeError, build_tower

_PREFIX = "visual."
_POSITIONS = "visual.positional_embedding"


@dataclass(frozen=True)
class Checkpoint:
    """A tower and how its input is normalised.

    Attributes:
        tower: With its weights.
        mean: Per channel, of values in 0-1.
        std: Per channel.
    """

    tower: Tower
    mean: Sequence[float]
    std: Sequence[float]


def load(spec: EncoderSpec) -> Checkpoint:
    """Load the vision tower of a spec from its checkpoint's folder.

    The activation and the normalisation are those of the folder's configuration, whatever the model is called.

    Raises:
        WeightsError: The folder lacks files, holds another model, or its weights do not fit it.
    """
    folder = weights_folder(spec)
    config = _read_config(folder)
    tower = _build(spec, config["model_cfg"], folder)
    _load_weights(tower, _weights_file(folder), folder)
    try:
        tower.resize(spec.resolution)
    except UnsuitableSizeError as error:
        raise _another_model(spec, folder) from error
    if spec.parameters is not None and tower.parameters != spec.parameters:
        raise _another_model(spec, folder, f": {tower.parameters:,} weights instead of {spec.parameters:,}")
    return Checkpoint(tower, *_normalisation(spec, config))


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text())
        if isinstance(config["model_cfg"]["vision_cfg"], dict) and config["model_cfg"]["embed_dim"]:
            return config
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise WeightsError(
        f"'{folder / CONFIG}' is not a configuration of an OpenCLIP model.",
        "Give a folder as open_clip saves it for the hub.",
    )


def _build(spec: EncoderSpec, config: dict[str, Any], folder: Path) -> Tower:
    """Build the tower that the folder describes, once that is known to be the spec's."""
    try:
        with torch.device("meta"):
            described = build_tower(config, spec.resolution)
            described.resize(spec.resolution)
        if spec.parameters in (None, described.parameters):
            return build_tower(config, spec.resolution)
        difference = f": {described.parameters:,} weights instead of {spec.parameters:,}"
    except (TypeError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        difference = f": {' '.join(str(error).split())[:100]}"
    raise _another_model(spec, folder, difference)


def _another_model(spec: EncoderSpec, folder: Path, difference: str = "") -> WeightsError:
    return WeightsError(
        f"The folder '{folder}' holds another model than '{spec.id}'{difference}.",
        f"Give the folder of {'/'.join(model_and_tag(spec.id))}.",
    )


def _weights_file(folder: Path) -> Path:
    """Return the weights; where there are both names, the one that open_clip prefers."""
    return min(folder.glob(WEIGHTS), key=lambda path: (path.name != "open_clip_model.safetensors", path.name))


def _load_weights(tower: Tower, file: Path, folder: Path) -> None:
    wanted = tower.visual.state_dict()
    try:
        with cast("Any", safe_open(file, framework="pt")) as weights:
            there = set(weights.keys())
            missing = [
                name
                for name in wanted
                if _PREFIX + name not in there and not name.endswith("num_batches_tracked")  # unused in evaluation
            ]
            if missing:
                raise WeightsError(
                    f"The weights in '{folder}' lack {len(missing)} tensors of the vision tower, such as "
                    f"'{_PREFIX}{missing[0]}'.",
                    "Fetch them again, or give a folder in OpenCLIP's own format.",
                )
            state = {_PREFIX + name: weights.get_tensor(_PREFIX + name) for name in wanted if _PREFIX + name in there}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"The weights '{file}' cannot be read: {error}", "Fetch them again.") from error
    if _POSITIONS in state:
        resize_pos_embed(state, SimpleNamespace(visual=tower.visual))
    try:
        tower.visual.load_state_dict({name.removeprefix(_PREFIX): value for name, value in state.items()}, strict=False)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights in '{folder}' do not fit its own configuration: {' '.join(str(error).split())[:200]}",
            "Fetch them again, or give another folder.",
        ) from error


def _normalisation(spec: EncoderSpec, config: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and std: the folder's, else those of the pretrained tag, else OpenAI's, as open_clip does."""
    tag: dict[str, Any] = open_clip.get_pretrained_cfg(*model_and_tag(spec.id)) or {}
    chosen = tag | {name: value for name, value in config.get("preprocess_cfg", {}).items() if value is not None}
    return chosen.get("mean", open_clip.OPENAI_DATASET_MEAN), chosen.get("std", open_clip.OPENAI_DATASET_STD)
