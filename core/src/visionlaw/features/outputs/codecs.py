"""What a format does: turn a part's tokens into files, and back."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from visionlaw.errors import MissingDependencyError
from visionlaw.features.outputs.formats import Format
from visionlaw.features.outputs.header import Header
from visionlaw.features.outputs.parts import Part

Content = Sequence[bytes | memoryview]
"""The bytes of a file, in pieces, so that tokens need not be copied to stand behind a header."""


class Codec(Protocol):
    """One format. It makes bytes and leaves it to its caller to write them."""

    data_file: str
    """Where the tokens of a part are, relative to the folder, with ``{}`` for the part's number."""

    def encode(self, header: Header, part: Part, tokens: torch.Tensor) -> Mapping[str, Content]:
        """Return the files of a part, in the order in which to write them.

        Args:
            header: Of the output.
            part: Names and geometries; its size is not known yet.
            tokens: ``[n, h·w, C]`` of the n images that have features, on the CPU, in the format's dtype.

        Returns:
            Content by path relative to the folder; without ``data_file`` where n is 0.
        """
        ...

    def decode(self, path: Path, header: Header, part: Part) -> torch.Tensor:
        """Return the tokens of a part, ``[n, h·w, C]``, mapped from the file where the format allows it.

        Raises:
            Exception: Anything, where the file is damaged.
        """
        ...

    def finish(self, header: Header, parts: Iterable[Part], positions: int) -> Iterator[tuple[str, Content]]:
        """Yield the files that need all parts, in the order in which to write them."""
        ...


def find_codec(form: Format) -> Codec:
    """Return the codec of a format.

    Raises:
        MissingDependencyError: Its library is not installed; the remedy is the command that installs it.
    """
    module = importlib.import_module(f"visionlaw.features.outputs.{form}_parts")
    return module.codec()


def optional_library(name: str, extra: Format) -> Any:
    """Import a library that is an extra of visionlaw.

    Raises:
        MissingDependencyError: It cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"The format {extra} needs {name.partition('.')[0]}, which cannot be imported: {str(error).rstrip('.')}.",
            f"python -m pip install 'visionlaw[{extra}]'",
        ) from error
