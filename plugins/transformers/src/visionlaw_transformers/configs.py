"""What a checkpoint says about itself: config.json and the processor's configuration. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from visionlaw.errors import WeightsError

Config = Mapping[str, Any]


def read_json(path: Path, encoder_id: str) -> Config:
    """Read a JSON object.

    Raises:
        WeightsError: It cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"'{path}', of the checkpoint of '{encoder_id}', cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise WeightsError(f"'{path}', of the checkpoint of '{encoder_id}', holds no JSON object.")
    return cast("Config", content)


def vision_section(config: Config) -> Config:
    """Return the part that describes the vision tower: of a dual model its section, else all of it."""
    section = config.get("vision_config")
    return cast("Config", section) if isinstance(section, dict) else config


def side(value: object) -> int | None:
    """Return the length of a square given as one number or two equal ones; None for anything else."""
    if isinstance(value, list | tuple):
        lengths = cast("list[object]", value)
        value = lengths[0] if lengths and all(length == lengths[0] for length in lengths) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def normalisation(folder: Path, encoder_id: str) -> tuple[list[float] | None, list[float] | None]:
    """Return the mean and the standard deviation that a model's images are normalised with; None: not at all.

    Raises:
        WeightsError: The processor's configuration does not say it, or asks for another scale than 1/255.
    """
    path = min(folder.glob("*processor_config.json"))  # preprocessor_config.json, or what wraps it
    content = read_json(path, encoder_id)
    section = content.get("image_processor")
    processor: Config = cast("Config", section) if isinstance(section, dict) else content
    factor = processor.get("rescale_factor", 1 / 255)
    if not processor.get("do_rescale", True) or abs(float(factor) * 255 - 1) > 1e-3:
        raise WeightsError(f"'{path.name}' of '{encoder_id}' scales pixels otherwise than by 1/255.")
    if not processor.get("do_normalize", True):
        return None, None
    mean, std = processor.get("image_mean"), processor.get("image_std")
    if not (isinstance(mean, list) and isinstance(std, list)):
        raise WeightsError(
            f"'{path.name}' of '{encoder_id}' does not say how images are normalised.",
            "Add image_mean and image_std to it.",
        )
    return cast("list[float]", mean), cast("list[float]", std)
