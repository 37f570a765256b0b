"""A model of timm without its head, and the layers that can be read from it.

All reading goes through timm's own ``forward_intermediates``, which drops class tokens and registers and returns maps
``[B, C, h, w]`` whatever the model computes in. The last layer is read with ``norm=True``: the final norm where the
model has one, so that it is what ``forward_features`` returns; the others are read raw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn


class Backbone:
    """The layers of a model.

    Args:
        model: A model of timm that has ``forward_intermediates``; its head is taken off.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = cast("Any", model)
        self.count = len(self.model.feature_info)
        self.model.prune_intermediate_layers([self.count - 1], prune_norm=False, prune_head=True)
        if hasattr(self.model, "head"):  # some releases of timm leave a norm in it
            self.model.head = nn.Identity()
        self._has_norm = True

    @property
    def reductions(self) -> list[int]:
        """Pixels per token of each layer, as timm declares them."""
        return [int(info["reduction"]) for info in self.model.feature_info]

    @property
    def patch_size(self) -> int | None:
        """Side of its patches, where it cuts the image into plain ones and drops what remains at the border."""
        size = getattr(getattr(self.model, "patch_embed", None), "patch_size", None)
        return size[0] if isinstance(size, tuple) else size

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def read(self, batch: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Return the maps ``[B, C, h, w]`` of layers, in the order asked for, computing nothing after the last of them.

        Args:
            batch: ``[B, 3, S, S]``.
            layers: Indices from 0; each may come more than once.
        """
        last = self.count - 1
        raw = sorted(set(layers) - {last})
        maps: dict[int, torch.Tensor] = {}
        if raw and last in layers:
            final, found = self.model.forward_intermediates(batch, indices=[*raw, last], output_fmt="NCHW")
            unnormed = found.pop()
            maps = dict(zip(raw, found, strict=True))
            ended = self._as_map(final, unnormed)
            maps[last] = self._last(batch) if ended is None else ended
        elif raw:
            found = self.model.forward_intermediates(
                batch, indices=raw, stop_early=True, output_fmt="NCHW", intermediates_only=True
            )
            maps = dict(zip(raw, found, strict=True))
        else:
            maps[last] = self._last(batch)
        return [maps[layer] for layer in layers]

    def _last(self, batch: torch.Tensor) -> torch.Tensor:
        arguments: dict[str, Any] = {
            "indices": [self.count - 1],
            "stop_early": True,
            "output_fmt": "NCHW",
            "intermediates_only": True,
        }
        if self._has_norm:
            try:
                return self.model.forward_intermediates(batch, norm=True, **arguments)[0]
            except AssertionError:
                # Hiera's blocks have no norm after them (its head has) and refuse the argument.
                self._has_norm = False
        return self.model.forward_intermediates(batch, **arguments)[0]

    def _as_map(self, final: Any, like: torch.Tensor) -> torch.Tensor | None:
        """Return what ``forward_features`` ended with as a map, where it is the last layer after its norm.

        That holds for transformers with prefix tokens in front, and for hierarchical models that end in a norm. Others
        end in something else, such as one more convolution: None.
        """
        if not isinstance(final, torch.Tensor):  # models of several branches
            return None
        batch, _, h, w = like.shape
        prefix = getattr(self.model, "num_prefix_tokens", None)
        if final.ndim == 3 and prefix is not None and final.shape[1] == prefix + h * w:
            return final[:, prefix:].transpose(1, 2).reshape(batch, -1, h, w)
        if final.ndim == 4 and any(hasattr(self.model, name) for name in ("norm", "norm_pre", "neck")):
            return final.permute(0, 3, 1, 2) if getattr(self.model, "output_fmt", "NCHW") == "NHWC" else final
        return None


def to_tokens(features: torch.Tensor) -> torch.Tensor:
    """Turn maps ``[B, C, h, w]`` into tokens ``[B, h·w, C]``, row-major."""
    return features.flatten(2).transpose(1, 2).contiguous()
