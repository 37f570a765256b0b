"""Options of all verbs that run encoders: device, precision, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.errors import ConfigError

if TYPE_CHECKING:
    from visionlaw.features.runtime import Dtype, Runtime

DeviceOption = Annotated[
    str | None, typer.Option(help="Where encoders run, as torch names it, such as cuda:1; default: the best there is.")
]
DtypeOption = Annotated[str, typer.Option(help="Precision of the encoders: float32, float16 or bfloat16.")]
AutocastOption = Annotated[
    bool, typer.Option("--autocast", help="Keep weights in float32 and let torch lower what bears it to --dtype.")
]
CompileOption = Annotated[bool, typer.Option("--compile", help="Compile encoders with torch.compile.")]
CheckpointOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ID=FOLDER", help="Load an encoder from this folder instead of its checkpoint; repeatable."),
]


def read_runtime(
    device: str | None,
    dtype: str,
    autocast: bool = False,
    compile: bool = False,  # noqa: A002
) -> Runtime:
    """Return the settings of the computation.

    Raises:
        ConfigError: There is no such precision or device.
        MissingDependencyError: torch is not installed.
    """
    from typing import cast

    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.features.runtime import Runtime, choose_device

    choose_device(device)
    return Runtime(device, cast("Dtype", dtype), autocast, compile)


def runtime_given(device: str | None, dtype: str) -> Runtime | None:
    """Return how encoders compute, None for the default: stored scores can be shown without torch."""
    return None if (device, dtype) == (None, "float32") else read_runtime(device, dtype)


def read_checkpoints(texts: list[str] | None) -> dict[str, Path]:
    """Read ``ID=FOLDER``; an id has no ``=`` before its options.

    Raises:
        ConfigError: There is no ``=`` in it, or the id has options.
    """
    found: dict[str, Path] = {}
    for text in texts or ():
        name, equals, folder = text.partition("=")
        if "?" in name:
            raise ConfigError(f"'{text}' gives options to a checkpoint.", "Give the id without options: ID=FOLDER.")
        if not (name.strip() and equals and folder):
            raise ConfigError(f"'{text}' is not ID=FOLDER.", "For instance: --checkpoint clip/vit-l-14@224=/data/clip")
        found[name.strip()] = Path(folder).expanduser()
    return found
