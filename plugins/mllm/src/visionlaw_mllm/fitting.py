"""What fits: an image's tokens into the context of the language model, all features into the project's cache."""

from __future__ import annotations

from collections.abc import Sequence

from visionlaw.alignment.language import LanguageRef
from visionlaw.errors import ConfigError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.combine import common_grid
from visionlaw.project import Project
from visionlaw.protocols import EncoderRef, FeatureStore, Representation
from visionlaw.scoring.representations import name_of
from visionlaw_mllm.keeping import Keeping
from visionlaw_mllm.recipes import Recipe

TEXT = 3
"""Tokens that a text has at the least: the beginning of the sequence, a word and its end."""
IN_MEMORY = 2 * 10**9
"""Bytes of features that are also kept in memory, where reading them from the cache could take longer than a step."""


def visual_tokens(representation: Representation) -> int:
    """Return how many tokens an image becomes."""
    h, w = common_grid([part.spec.grid for part in representation])
    return h * w


def longest_sequence(representations: Sequence[Representation], language: LanguageRef, recipe: Recipe) -> int:
    """Return how many tokens a sequence may have, the image's included.

    Raises:
        ConfigError: Of an image that leaves no room for text.
    """
    longest = min(recipe.max_length, language.context or recipe.max_length)
    for representation in representations:
        tokens = visual_tokens(representation)
        if tokens + TEXT > longest:
            raise ConfigError(
                f"'{name_of(representation)}' makes {tokens:,} tokens of an image, which leaves no room for text: "
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
