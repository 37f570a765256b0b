"""visionlaw: which vision encoder, or combination, should my multimodal LLM use?

Plugin authors need :data:`hookimpl` and the specs; researchers :func:`load`, :func:`score`, :func:`score_alignment` and
the rooms ``features``, ``correspondence``, ``alignment``, ``law`` and ``policy``. Importing this package imports none
of them: names are resolved on first use, and nothing is scanned.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from visionlaw._version import __version__

if TYPE_CHECKING:
    from visionlaw.errors import VisionlawError
    from visionlaw.hookspecs import hookimpl
    from visionlaw.loading import load
    from visionlaw.registry import Registry
    from visionlaw.scoring.aligning import score_alignment
    from visionlaw.scoring.ranking import score
    from visionlaw.space import SearchSpace
    from visionlaw.specs import (
        CombinerSpec,
        CommandSpec,
        DatasetSpec,
        EncoderSpec,
        ExecutorSpec,
        ImageSourceSpec,
        Option,
        SamplerSpec,
        ScorerSpec,
        TrainerSpec,
    )

_HOMES = {
    "VisionlawError": "visionlaw.errors",
    "hookimpl": "visionlaw.hookspecs",
    "load": "visionlaw.loading",
    "score": "visionlaw.scoring.ranking",
    "score_alignment": "visionlaw.scoring.aligning",
    "Registry": "visionlaw.registry",
    "SearchSpace": "visionlaw.space",
    "CombinerSpec": "visionlaw.specs",
    "CommandSpec": "visionlaw.specs",
    "DatasetSpec": "visionlaw.specs",
    "EncoderSpec": "visionlaw.specs",
    "ExecutorSpec": "visionlaw.specs",
    "ImageSourceSpec": "visionlaw.specs",
    "Option": "visionlaw.specs",
    "SamplerSpec": "visionlaw.specs",
    "ScorerSpec": "visionlaw.specs",
    "TrainerSpec": "visionlaw.specs",
}

__all__ = [
    "CombinerSpec",
    "CommandSpec",
    "DatasetSpec",
    "EncoderSpec",
    "ExecutorSpec",
    "ImageSourceSpec",
    "Option",
    "Registry",
    "SamplerSpec",
    "ScorerSpec",
    "SearchSpace",
    "TrainerSpec",
    "VisionlawError",
    "__version__",
    "hookimpl",
    "load",
    "score",
    "score_alignment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'visionlaw' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
