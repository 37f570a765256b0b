"""Representations as scorers meet them: one encoder, or several that are combined."""

from __future__ import annotations

from visionlaw.errors import DataError
from visionlaw.ids import join_representation
from visionlaw.protocols import Representation


def name_of(representation: Representation) -> str:
    """Return the id of a representation, ``a`` or ``a + b``."""
    return join_representation(tuple(encoder.id for encoder in representation))


def check_combinable(representation: Representation) -> None:
    """Check that the encoders of a representation show the same part of an image.

    Raises:
        DataError: Their resize modes differ.
    """
    modes = {part.spec.resize: part.id for part in representation}
    if len(modes) > 1:
        told = " and ".join(f"'{part}' ({mode})" for mode, part in modes.items())
        raise DataError(
            f"{told} see different parts of an image and cannot be combined.",
            "Combine encoders of one resize mode.",
        )
