"""What fits: an image's tokens into the context of the language model, all features into the project's cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from visionlaw.alignment.language import LanguageRef
from visionlaw.errors import ConfigError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.guard import third_party
from visionlaw.project import Project
from visionlaw.protocols import Combiner, EncoderRef, FeatureStore, Representation
from visionlaw.scoring.representations import check_combinable, name_of
from visionlaw.specs import MOST_PIXELS, EncoderSpec
from visionlaw_mllm.keeping import Keeping
from visionlaw_mllm.recipes import Recipe

TEXT = 3
"""Tokens that a text has at the least: the beginning of the sequence, a word and its end."""
IN_MEMORY = 2 * 10**9
"""Bytes of features that are also kept in memory, where reading them from the cache could take longer than a step."""


@dataclass(frozen=True)
class Shape:
    """What a representation makes of an image.

    Attributes:
        tokens: t, how many tokens.
        channels: C, length of each.
    """

    tokens: int
    channels: int


def shape_of(representation: Representation, combiner: Combiner) -> Shape:
    """Return the shape of a representation's tokens; of several encoders, the combiner tells by combining blanks.

    Raises:
        DataError: The encoders cannot be combined.
        PluginError: The combiner fails.
    """
    check_combinable(representation)
    maps = [_blank(part.spec) for part in representation]
    if len(maps) > 1:
        with third_party(f"Combining '{name_of(representation)}'"):
            maps = [combiner.combine(maps)]
    return Shape(*maps[0].tokens.shape)


def _blank(spec: EncoderSpec) -> FeatureMap:
    """Return what an encoder makes of one and the same image, whatever its resolution."""
    (h, w), side = spec.grid, spec.resolution
    stride = spec.stride or spec.patch
    geometry = Geometry.of_resize((MOST_PIXELS, MOST_PIXELS), (side, side), (0, 0), spec.patch, stride, spec.grid)
    return FeatureMap(torch.ones(h * w, spec.channels), geometry)


def longest_sequence(shapes: Mapping[str, Shape], language: LanguageRef, recipe: Recipe) -> int:
    """Return how many tokens a sequence may have, the image's included.

    Args:
        shapes: By representation.
        language: Whose context is not exceeded.
        recipe: Whose longest sequence is not exceeded.

    Raises:
        ConfigError: Of an image that leaves no room for text.
    """
    longest = min(recipe.max_length, language.context or recipe.max_length)
    for name, shape in shapes.items():
        if shape.tokens + TEXT > longest:
            raise ConfigError(
                f"'{name}' makes {shape.tokens:,} tokens of an image, which leaves no room for text: "
                f"sequences of '{language.name}' are at most {longest:,} tokens long.",
                "Take a smaller resolution, or a language model with a longer context.",
            )
    return longest


def feature_store(project: Project, representations: Sequence[Representation], images: int) -> FeatureStore | None:
    """Return where the features of so many images are kept; None where they would not all fit into the cache.

    Features of which only a part is there when they are needed again would cost writing and gain little.
    """
    needed = images * bytes_per_image(representations)
    limit = project.file.cache.limit
    if needed > limit:
        return None
    cache = FeatureCache(project.feature_cache, limit, project.row_cache)
    return Keeping(cache) if needed <= IN_MEMORY else cache


def bytes_per_image(representations: Sequence[Representation]) -> int:
    """Return what the features of one image take, those of each encoder once."""
    encoders = {part.id: part for representation in representations for part in representation}
    return sum(map(_bytes, encoders.values()))


def _bytes(encoder: EncoderRef) -> int:
    (h, w), half = encoder.spec.grid, encoder.provenance.get("precision") in ("float16", "bfloat16")
    return h * w * encoder.spec.channels * (2 if half else 4)
