"""What lmms-eval reads at its start by the entry-point group ``lmms_eval.models``; the model is loaded later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmms_eval.models.registry_v2 import ModelManifest

NAME = "visionlaw"


def manifest() -> ModelManifest:
    """Return the model's name and where its class is."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id=NAME, simple_class_path="visionlaw_mllm.lmms.VisionlawMLLM")
