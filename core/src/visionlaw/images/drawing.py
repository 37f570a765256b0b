"""Drawing images from a source: n by seed, without replacement, in the source's order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import overload

import numpy as np

from visionlaw.errors import DataError, VisionlawError
from visionlaw.protocols import CaptionedImage, ImageSource, IndexedSource

MOST_TOLD = 3
"""Images that cannot be used which an error names."""


@dataclass(frozen=True)
class Drawn(Sequence[CaptionedImage]):
    """Images that were drawn, in the source's order.

    Attributes:
        images: Each with its caption, or None.
        left_out: Why others were drawn but passed over, a sentence each: broken images, or images without caption.
    """

    images: tuple[CaptionedImage, ...]
    left_out: tuple[str, ...] = field(default=())

    @overload
    def __getitem__(self, index: int) -> CaptionedImage: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[CaptionedImage, ...]: ...
    def __getitem__(self, index: int | slice) -> CaptionedImage | tuple[CaptionedImage, ...]:
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def version(self) -> str:
        """Digest of the images' content and captions, in order: what scores on them depend on."""
        told = json.dumps([[image.key, caption] for image, caption in self.images])
        return f"sha256:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def draw(source: ImageSource, n: int, seed: int = 0, *, captions: bool = False, name: str = "the source") -> Drawn:
    """Draw n images of a source by seed, without replacement, in the source's order.

    Fewer images by the same seed are a part of more. A drawn image that cannot be read, or has no caption where one is
    needed, is passed over for the next one of the same order of chance, and told.

    Args:
        source: Of one that can be read by place (:class:`visionlaw.protocols.IndexedSource`) only what is drawn is
            read; of another what comes before as well.
        n: How many, at least 1.
        seed: Of the drawing.
        captions: Whether each image needs a caption that says something.
        name: Names the source in messages.

    Raises:
        DataError: The source has too few images, or too few that can be used.
    """
    total = len(source)
    if not 1 <= n <= total:
        raise _too_few(name, total, n, ())
    order = [int(place) for place in np.random.default_rng(seed).permutation(total)]
    found: dict[int, CaptionedImage] = {}
    left_out: list[str] = []
    while len(found) < n:
        places = order[len(found) + len(left_out) :][: n - len(found)]
        if not places:
            raise _too_few(name, len(found), n, left_out)
        for place, item in _read(source, sorted(places), name):
            if isinstance(item, str):
                left_out.append(item)
            elif captions and not (item[1] or "").strip():
                left_out.append(f"Image {place + 1} of {name} has no caption.")
            else:
                found[place] = item
    return Drawn(tuple(found[place] for place in sorted(found)), tuple(left_out))


def _read(source: ImageSource, places: Sequence[int], name: str) -> Iterator[tuple[int, CaptionedImage | str]]:
    """Yield the images at some places, ascending, or why one cannot be read."""
    if isinstance(source, IndexedSource):
        for place in places:
            try:
                yield place, source[place]
            except VisionlawError as error:
                yield place, error.message
        return
    wanted = set(places)
    seen = 0
    for place, item in enumerate(islice(iter(source), places[-1] + 1)):
        if place in wanted:
            seen += 1
            yield place, item
    if seen < len(places):
        raise DataError(
            f"'{name}' says that it has {len(source):,} images, and ends before.", "Report it to the source's author."
        )


def _too_few(name: str, usable: int, n: int, left_out: Sequence[str]) -> DataError:
    if n < 1:
        return DataError(f"{n} images cannot be drawn.", "Draw 1 or more.")
    told = f" {' '.join(left_out[:MOST_TOLD])}" if left_out else ""
    what = f"{usable:,} image{'' if usable == 1 else 's'}{' that can be used' if left_out else ''}"
    return DataError(
        f"'{name}' has {what}, and {n:,} are to be drawn.{told}",
        f"Draw fewer: images = {usable} under [alignment] of registry.toml, or -n {usable}."
        if usable
        else "Give a source that has some.",
    )
