"""``visionlaw.load``: from an id to features, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.libraries import require_torch
from visionlaw.project import Project

if TYPE_CHECKING:
    from visionlaw.features.extractor import Extractor
    from visionlaw.features.runtime import Dtype


def load(
    *representations: str,
    device: str | None = None,
    dtype: Dtype = "float32",
    autocast: bool = False,
    compile: bool = False,  # noqa: A002  torch's word
    checkpoints: Mapping[str, str | Path] | None = None,
) -> Extractor:
    """Return what extracts features by one or more representations; weights are loaded on the first image.

    ::

        for image in visionlaw.load("dinov2/large@224").extract("photos/"):
            print(image.name, image.features.tokens.shape)

    Args:
        *representations: Ids, aliases, published names, or combinations such as ``"clip@224 + dinov2/large@224"``.
            Names and combiner are those of the nearest registry.toml, or of the shipped one.
        device: As torch names it; None: the best there is.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        autocast: Keep the weights in float32 and let torch lower what bears it to ``dtype``.
        compile: Compile with torch.compile.
        checkpoints: Encoder id → a local folder to load instead of the spec's checkpoint.

    Raises:
        UnknownIdError, InvalidIdError, ConflictError, PluginError: An encoder cannot be used.
        WeightsError: A checkpoint folder is not there or not complete.
        ConfigError: There is no such precision.
        MissingDependencyError: torch is not installed.
    """
    require_torch()
    from visionlaw.features.extractor import Extractor
    from visionlaw.features.runtime import Runtime

    here = Project.find()
    folders = {name: Path(folder).expanduser() for name, folder in (checkpoints or {}).items()}
    runtime = Runtime(device, dtype, autocast, compile)
    chosen = here.representations(representations, runtime, folders)
    return Extractor(chosen, here.registry.load("combiner", here.space.combiner), runtime)
