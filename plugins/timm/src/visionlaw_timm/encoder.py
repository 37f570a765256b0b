"""From a spec to an encoder: a model of timm with the weights of a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import timm
import torch
from PIL.Image import Image
from safetensors import SafetensorError, safe_open
from torch import nn

from visionlaw.errors import InvalidIdError, MissingDependencyError, WeightsError
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec
from visionlaw.weights import weights_folder
from visionlaw_timm.backbone import Backbone, to_tokens
from visionlaw_timm.facts import FILES
from visionlaw_timm.resolving import needs_size


class TimmEncoder:
    """A model of timm as a :class:`visionlaw.protocols.LayeredEncoder`.

    Args:
        spec: Resolution, patch and resize mode, as the layer changes them.
        model: With its weights; it loses its head.
        layer: The block or stage that :meth:`encode` reads.

    Raises:
        InvalidIdError: There is no such layer.
    """

    def __init__(self, spec: EncoderSpec, model: nn.Module, layer: int = -1) -> None:
        self._spec = spec
        self._backbone = Backbone(model.eval().requires_grad_(False))
        self._config: dict[str, Any] = cast("Any", model).pretrained_cfg
        self._layer = self._index(layer)

    @property
    def module(self) -> nn.Module:
        """All weights and buffers."""
        return self._backbone.model

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize an image to ``[3, S, S]`` and normalise it as the checkpoint's configuration says."""
        spec, config = self._spec, self._config
        return prepare(
            image, spec.resolution, spec.patch, spec.stride, spec.resize, mean=config["mean"], std=config["std"]
        )

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode ``[B, 3, S, S]`` into ``[B, h·w, C]``; nothing after the layer is computed."""
        return to_tokens(self._backbone.read(batch, [self._layer])[0])

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Encode ``[B, 3, S, S]`` once; return the tokens ``[B, h·w, C]`` of each layer, h, w and C its own.

        Raises:
            InvalidIdError: There is no such layer.
        """
        return [to_tokens(maps) for maps in self._backbone.read(batch, [self._index(layer) for layer in layers])]

    def _index(self, layer: int) -> int:
        count = self._backbone.count
        if not -count <= layer < count:
            raise InvalidIdError(
                f"'{self._spec.id}' has no layer {layer}: it has {count} blocks or stages.",
                f"Give ?layer= from {-count} to {count - 1}.",
            )
        return layer % count


def build(spec: EncoderSpec, layer: int = -1) -> TimmEncoder:
    """Load the model of a spec from its checkpoint's folder.

    Raises:
        WeightsError: The folder lacks files, holds another model, or its weights do not fit it.
        InvalidIdError: There is no such layer.
        MissingDependencyError: The installed timm does not have the model yet.
    """
    name = spec.id.removeprefix("timm/").rpartition("@")[0]
    if not timm.is_model(name.partition(".")[0]):
        raise MissingDependencyError(
            f"'{spec.id}' needs a newer timm than {timm.__version__}.", "python -m pip install --upgrade timm"
        )
    encoder = TimmEncoder(spec, _load(spec, name, weights_folder(spec)), layer)
    found = sum(parameter.numel() for parameter in encoder.module.parameters())
    if spec.parameters is not None and found != spec.parameters:
        raise WeightsError(
            f"The checkpoint of '{spec.id}' is of another size: {found:,} weights instead of {spec.parameters:,}.",
            "Give the folder of that very model.",
        )
    return encoder


def _load(spec: EncoderSpec, name: str, folder: Path) -> nn.Module:
    architecture = name.partition(".")[0]
    document = _read_config(folder)
    if document.get("architecture") != architecture:
        found = document.get("architecture", "something else")
        raise WeightsError(
            f"The folder '{folder}' holds '{found}', not '{architecture}', which '{spec.id}' needs.",
            "Give the folder of that very model, with timm's config.json.",
        )
    loose = sorted(name for name in document.get("model_args") or {} if name.startswith("pretrained"))
    if loose:
        raise WeightsError(
            f"The config.json in '{folder}' changes how weights are loaded: {loose[0]}.",
            "Take it out there: a model whose weights are partly random is none.",
        )
    try:
        # With its head as saved: only so does timm refuse a checkpoint that lacks weights.
        model = timm.create_model(
            f"local-dir:{folder}",
            pretrained=True,
            # The very file: in a folder, releases of timm up to 1.0.28 prefer a pickle that lies beside it.
            pretrained_cfg_overlay={"source": "file", "file": str(folder / FILES[1]), "custom_load": False},
            **_size_argument(name, document, spec.resolution),
        )
    except (RuntimeError, AssertionError, TypeError, KeyError, ValueError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"The weights in '{folder}' do not fit '{architecture}': {' '.join(str(error).split())[:200]}",
            "Fetch them again, or give another folder.",
        ) from error
    missing = _missing(model, folder)
    if missing:
        raise WeightsError(
            f"The weights in '{folder}' lack {len(missing)} tensors of '{architecture}', such as '{missing[0]}'.",
            "Fetch them again, or give another folder.",
        )
    return model


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / FILES[0]).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _size_argument(name: str, document: dict[str, Any], resolution: int) -> dict[str, Any]:
    """Return ``img_size`` for ``create_model`` where the weights are of a model made for another size."""
    saved = document.get("pretrained_cfg", document)
    size = document.get("model_args", {}).get("img_size") or saved.get("input_size", (3, 224, 224))[1:]
    sides = {size} if isinstance(size, int) else set(size)
    return {"img_size": resolution} if needs_size(name) and sides != {resolution} else {}


def _missing(model: nn.Module, folder: Path) -> list[str]:
    """Return what a checkpoint of timm's own format lacks; a few architectures load without complaining.

    A checkpoint with foreign names is renamed by timm while it loads, and then timm has checked it.
    """
    with cast("Any", safe_open(folder / FILES[1], framework="pt")) as file:
        names = set(file.keys())
    wanted = model.state_dict()
    return [name for name in wanted if name not in names] if names <= set(wanted) else []
