"""From a pipeline's folder to its components: safetensors only, nothing left to chance, one sentence when it fails."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import diffusers.utils.logging
import torch
import transformers.utils.logging
from safetensors import SafetensorError
from torch import nn

from visionlaw.errors import WeightsError
from visionlaw.specs import EncoderSpec

M = TypeVar("M", bound=nn.Module)
Config = dict[str, Any]


def read_config(spec: EncoderSpec, folder: Path, name: str, cls: type | None = None, *former: str) -> Config:
    """Return the configuration of a component, with the defaults of its class, and check that it is of that class.

    Args:
        spec: The encoder, for messages.
        folder: The pipeline's folder.
        name: The component's file, such as ``unet/config.json``.
        cls: Class of the component; None: any.
        former: Names that the class has had.

    Raises:
        WeightsError: It cannot be read, or is of another class.
    """
    try:
        config = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"'{name}' of the checkpoint of '{spec.id}' in '{folder}' cannot be read: {_first_line(error)}.",
            "Fetch it again, or give a folder that is complete.",
        ) from error
    if cls is None:
        return config
    found = [config.get("_class_name"), *(config.get("architectures") or [])]
    if not set(found) & {cls.__name__, *former}:
        said = next(filter(None, found), "model of no known class")
        raise unsuitable(spec, folder, f"'{name}' is of a {said}, where a {cls.__name__} belongs")
    defaults = {p.name: p.default for p in inspect.signature(cls).parameters.values() if p.default is not p.empty}
    return defaults | config


def load_component(cls: type[M], spec: EncoderSpec, folder: Path, name: str) -> M:
    """Load a component's weights in float32, ready for inference.

    Args:
        cls: A model class of diffusers or transformers.
        spec: The encoder, for messages.
        folder: The pipeline's folder.
        name: The component's own folder in it.

    Raises:
        WeightsError: The weights are not there, are damaged, are not all there, or do not fit the configuration.
    """
    load: Any = cls
    try:
        with quiet():
            model, report = load.from_pretrained(
                str(folder / name),
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                low_cpu_mem_usage=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise _unreadable(spec, folder, name, error) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise incomplete(spec, folder, name, missing)
    return model.eval().requires_grad_(False)


def unsuitable(spec: EncoderSpec, folder: Path, why: str) -> WeightsError:
    """Return the error that a folder holds another model than the encoder's."""
    return WeightsError(
        f"The checkpoint in '{folder}' is not one of '{spec.id}': {why}.",
        f"Give the folder of a pipeline of that kind: --checkpoint {spec.id}=FOLDER.",
    )


def incomplete(spec: EncoderSpec, folder: Path, name: str, missing: list[str]) -> WeightsError:
    """Return the error that weights are missing, which would otherwise be random ones."""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return WeightsError(
        f"The weights of '{name}' in '{folder}', of '{spec.id}', lack '{missing[0]}'{more}.",
        "Fetch it again, or give a folder that is complete.",
    )


def _unreadable(spec: EncoderSpec, folder: Path, name: str, error: Exception) -> WeightsError:
    return WeightsError(
        f"The weights of '{name}' in '{folder}', of '{spec.id}', cannot be loaded: {_first_line(error)}.",
        "Fetch it again, or give a folder that is complete.",
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".:") if lines else type(error).__name__


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Keep both libraries' warnings and progress bars away while a checkpoint is loaded; its faults become errors."""
    libraries: tuple[Any, ...] = (diffusers.utils.logging, transformers.utils.logging)
    levels = [library.get_verbosity() for library in libraries]
    bars = [library.is_progress_bar_enabled() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level, bar in zip(libraries, levels, bars, strict=True):
            library.set_verbosity(level)
            if bar:
                library.enable_progress_bar()
