"""A vision tower without its projection, and the layers that can be read from it.

All reading goes through open_clip's own ``forward_intermediates``, which drops class tokens and registers and returns
maps ``[B, C, h, w]``. What the last layer is depends on whose tower it is:

- a vision transformer of open_clip's own: the output of the last block, without ``ln_post``; that is what the
  transformers library calls CLIP's last hidden state;
- a tower of timm (SigLIP, EVA, ConvNeXt…): what timm's ``forward_features`` returns, the final norm included;
- a ResNet of CLIP: the map of the last stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import open_clip
import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import nn

# The text tower is built along with the vision tower and thrown away: as small as it can be.
_NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}

_RESNET_REDUCTIONS = [4, 4, 8, 16, 32]


class UnsuitableSizeError(ValueError):
    """A tower that cannot take images of a size."""


class Tower:
    """The layers of a vision tower.

    Args:
        visual: A vision tower of open_clip; it loses what comes after its last layer.

    Raises:
        TypeError: A kind of tower that open_clip did not have when this was written.
    """

    def __init__(self, visual: nn.Module) -> None:
        self.visual = cast("Any", visual)
        if isinstance(visual, VisionTransformer):
            self.patch_size: int | None = self.visual.patch_size[0]
            self.reductions: list[int] = [self.visual.patch_size[0]] * len(self.visual.transformer.resblocks)
            self.visual.proj, self.visual.attn_pool, self.visual.ln_post = None, None, nn.Identity()
        elif isinstance(visual, TimmModel):
            trunk = cast("Any", visual.trunk)
            size = getattr(getattr(trunk, "patch_embed", None), "patch_size", None)
            self.patch_size = size[0] if isinstance(size, tuple) else size
            self.reductions = [int(info["reduction"]) for info in trunk.feature_info]
            trunk.prune_intermediate_layers([len(self.reductions) - 1], prune_norm=False, prune_head=True)
            if hasattr(trunk, "head"):  # some releases of timm leave a norm in it
                trunk.head = nn.Identity()
            self.visual.head = nn.Identity()
        elif isinstance(visual, ModifiedResNet):
            self.patch_size = None
            self.reductions = list(_RESNET_REDUCTIONS)
            self.visual.attnpool = None
        else:
            raise TypeError(f"a vision tower of type {type(visual).__name__}")

    @property
    def transformer(self) -> bool:
        """Whether it is a vision transformer of open_clip's own."""
        return isinstance(self.visual, VisionTransformer)

    @property
    def count(self) -> int:
        """Number of blocks or stages."""
        return len(self.reductions)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(parameter.numel() for parameter in self.visual.parameters())

    def resize(self, resolution: int) -> None:
        """Make a tower of timm take images of another size, as timm does; the others are built for their size.

        Raises:
            UnsuitableSizeError: It cannot.
        """
        if not isinstance(self.visual, TimmModel) or self.visual.image_size == (resolution, resolution):
            return
        try:
            self.visual.set_input_size(resolution)
        except (AssertionError, TypeError, ValueError, RuntimeError) as error:
            raise UnsuitableSizeError(str(error)) from error

    def read(self, batch: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Return the maps ``[B, C, h, w]`` of layers, in the order asked for, computing nothing after the last of them.

        A tower of timm that is asked for its last layer along with others runs twice, since only the last is normed.

        Args:
            batch: ``[B, 3, S, S]``.
            layers: Indices from 0; each may come more than once.
        """
        normed = {self.count - 1} if isinstance(self.visual, TimmModel) else set[int]()
        maps = self._read(batch, sorted(set(layers) - normed), norm=False)
        maps |= self._read(batch, sorted(set(layers) & normed), norm=True)
        return [maps[layer] for layer in layers]

    def _read(self, batch: torch.Tensor, indices: list[int], norm: bool) -> dict[int, torch.Tensor]:
        if not indices:
            return {}
        output = self.visual.forward_intermediates(
            batch,
            indices=indices,
            # A ResNet of open_clip stops early when it is told not to, and the other way round.
            stop_early=not isinstance(self.visual, ModifiedResNet),
            normalize_intermediates=norm,
            intermediates_only=True,
            output_fmt="NCHW",
        )
        return dict(zip(indices, output["image_intermediates"], strict=True))


def build_tower(config: Mapping[str, Any], resolution: int) -> Tower:
    """Build the vision tower of a model configuration, weights random, for images of a size.

    A tower of timm keeps its own size until :meth:`Tower.resize`, after its weights are loaded.

    Args:
        config: ``model_cfg`` as open_clip writes it.
        resolution: Input side in pixels.

    Raises:
        TypeError, KeyError, RuntimeError: open_clip cannot build such a tower.
    """
    vision = dict(config["vision_cfg"]) | {"timm_model_pretrained": False}
    if not vision.get("timm_model_name"):
        vision["image_size"] = resolution
    model = open_clip.CLIP(
        embed_dim=config["embed_dim"],
        vision_cfg=cast("Any", vision),
        text_cfg=cast("Any", _NO_TEXT),
        quick_gelu=config.get("quick_gelu", False),
    )
    return Tower(cast("nn.Module", model.visual))


def to_tokens(features: torch.Tensor) -> torch.Tensor:
    """Turn maps ``[B, C, h, w]`` into tokens ``[B, h·w, C]``, row-major."""
    return features.flatten(2).transpose(1, 2).contiguous()
