"""Pooled features: one vector for an image, the mean of a representation's tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from visionlaw.features.extractor import Extractor
from visionlaw.features.results import Extracted
from visionlaw.protocols import CaptionedImage, Combiner, FeatureStore, Representation

IN_MEMORY = 2**31
"""Bytes of pooled features, all representations together, above which they are kept in a temporary file."""


def pool(
    representations: Sequence[Representation],
    combiner: Combiner,
    images: Sequence[CaptionedImage],
    cache: FeatureStore | None = None,
    scratch: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, torch.Tensor]:
    """Return the mean token of every image by every representation; each encoder encodes each image once.

    The tokens are those that :class:`visionlaw.features.extractor.Extractor` gives, hence those that projectors are
    trained on: raw ones of a single encoder, of a combination what the combiner makes of them.

    Args:
        representations: One encoder each, or several that are combined.
        combiner: How several encoders make one representation.
        images: At least one.
        cache: Where features are looked up and kept.
        scratch: Folder of the temporary file, where one is needed; None: the system's.
        progress: Called with the number of images that are done.

    Returns:
        Representation → ``[n, C]`` float32, averaged in float64, images in the order given.

    Raises:
        DataError: An image cannot be read, or encoders that see different parts of an image are combined.
        PluginError: An encoder or the combiner fails.
    """
    tables: dict[str, torch.Tensor] = {}
    stream = Extractor(representations, combiner).stream(
        [image for image, _ in images], cache=cache, strict_images=True
    )
    for position, result in enumerate(stream):
        assert isinstance(result, Extracted)  # noqa: S101  a bad image raises
        tables = tables or _tables({name: m.channels for name, m in result.maps.items()}, len(images), scratch)
        for name, features in result.maps.items():
            tables[name][position] = features.tokens.double().mean(dim=0)
        if progress is not None:
            progress(position + 1)
    return tables


def _tables(channels: dict[str, int], count: int, scratch: Path | None) -> dict[str, torch.Tensor]:
    """Return a table for each representation, all of them in one file without a name where they are large."""
    total = count * sum(channels.values())
    if total * 4 <= IN_MEMORY:
        flat = np.empty(total, dtype=np.float32)
    else:
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=scratch) as file:  # the mapping outlives it, and nothing is left of a kill
            flat = np.memmap(file, dtype=np.float32, mode="w+", shape=(total,))
    starts = np.cumsum([0, *(count * width for width in channels.values())])
    return {
        name: torch.from_numpy(flat[start : start + count * width]).view(count, width)  # pyright: ignore[reportUnknownMemberType]
        for start, (name, width) in zip(starts, channels.items(), strict=False)
    }
