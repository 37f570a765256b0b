"""From the results of an extraction to what a part holds: index entries and one block of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from visionlaw.errors import DataError
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs.header import Header
from visionlaw.features.outputs.parts import Kept
from visionlaw.features.results import Extracted, Quarantined


def index_entry(item: Extracted | Quarantined, header: Header) -> Kept | Quarantined:
    """Return what the index says of an image.

    Raises:
        DataError: It has no features of the header's representation, or they are of another shape.
    """
    if isinstance(item, Quarantined):
        return item
    return Kept(item.name, item.key, _features(item, header).geometry)


def stack_tokens(items: Sequence[Extracted | Quarantined], header: Header, dtype: torch.dtype) -> torch.Tensor:
    """Lay the tokens of the images that have features side by side.

    Args:
        items: Images, with features on any device, in any dtype.
        header: Of the output.
        dtype: To write them in.

    Returns:
        ``[n, h·w, C]`` on the CPU.

    Raises:
        DataError: As :func:`index_entry`, or values that float16 does not hold.
    """
    extracted = [item for item in items if isinstance(item, Extracted)]
    tokens = torch.empty((len(extracted), header.tokens, header.channels), dtype=dtype)
    for row, item in zip(tokens, extracted, strict=True):
        source = _features(item, header).tokens.detach()
        row.copy_(source)
        if dtype == torch.float16 and source.dtype != dtype and _overflowed(row, source):
            raise DataError(
                f"The features of '{item.name}' have values beyond 65,504, which float16 does not hold.",
                "Write them as float32.",
            )
    return tokens


def _features(item: Extracted, header: Header) -> FeatureMap:
    """Return the features that an output is of."""
    features = item.maps.get(header.representation)
    if features is None:
        raise DataError(
            f"'{item.name}' has features of {', '.join(item.maps) or 'nothing'}, and the output is of "
            f"'{header.representation}'.",
            "Open an output of what is extracted.",
        )
    if features.grid != header.grid or features.channels != header.channels:
        raise DataError(
            f"The features of '{item.name}' are {_shape(features.grid, features.channels)}, and the output is of "
            f"{_shape(header.grid, header.channels)}.",
            "An output holds features of one shape.",
        )
    return features


def _overflowed(stored: torch.Tensor, source: torch.Tensor) -> bool:
    return int(torch.isinf(stored).sum()) > int(torch.isinf(source).sum())


def _shape(grid: tuple[int, int], channels: int) -> str:
    return f"{grid[0]}×{grid[1]} tokens of {channels} channels"
