"""Any vision transformer on the hub that the transformers library has: ``hf/<organisation>/<name>@<pixels>``."""

from __future__ import annotations

import re
from pathlib import Path

from visionlaw.errors import WeightsError
from visionlaw.hookspecs import hookimpl
from visionlaw.ids import resolution_of
from visionlaw.specs import EncoderSpec
from visionlaw.weights import config_folder
from visionlaw_transformers.configs import Config, read_json, side, vision_section
from visionlaw_transformers.families import FILES, OPTIONS, require_whole_patches

# The hub's processors are named preprocessor_config.json, or wrapped into processor_config.json.
ALL_FILES = (*FILES, "*processor_config.json")
REPOSITORY = re.compile(r"hf/(?P<repository>[^/@]+/[^/@]+)@\d+")


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec | None:  # noqa: A002
    """Resolve any ``hf/<organisation>/<name>@<pixels>`` by the config.json of the repository.

    The revision is pinned to the commit that config.json is of.

    Raises:
        WeightsError: There is no config.json, or it describes nothing that has a grid of tokens.
        InvalidIdError: The resolution is no multiple of the patch.
    """
    match = REPOSITORY.fullmatch(id)
    if match is None:
        return None
    repository = match["repository"]
    unknown = EncoderSpec(
        id=id,
        target="visionlaw_transformers.towers:hf",
        tiny="visionlaw_transformers.tiny:hf",
        checkpoint=repository,
        resolution=resolution_of(id),
        patch=1,
        channels=1,
    )
    folder = config_folder(unknown)
    config = read_json(folder / "config.json", id)
    section = vision_section(config)
    if "patch_size" not in section or "hidden_size" not in section:
        section = _with_defaults(folder, id)
    patch, channels = side(section.get("patch_size")), side(section.get("hidden_size"))
    kind = section.get("model_type") or config.get("model_type")
    if patch is None or channels is None or "depths" in section:
        raise WeightsError(
            f"'{id}' cannot be used: '{kind}' has no square grid of patch tokens.",
            "Take a vision transformer, or the model from another family, for instance timm.",
        )
    if resolution_of(id) != side(section.get("image_size")):
        require_whole_patches(id, patch)
    return unknown.model_copy(
        update={
            "description": f"The vision tower of {repository} ({kind}).",
            "tags": ("transformer",),
            "options": OPTIONS,
            "revision": folder.name,
            "files": ALL_FILES,
            "patch": patch,
            "channels": channels,
        }
    )


def _with_defaults(folder: Path, encoder_id: str) -> Config:
    """Return the configuration with what config.json leaves to the library's defaults. Imports the library."""
    from visionlaw_transformers.loading import load_config

    config = load_config(folder, encoder_id)
    wanted = ("model_type", "patch_size", "hidden_size", "image_size", "depths")
    return {name: getattr(config, name) for name in wanted if hasattr(config, name)}
