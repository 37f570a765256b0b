"""Images from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from visionlaw.protocols import ImageRef


@dataclass(frozen=True)
class Source:
    """An image that is opened on demand."""

    name: str
    open: Callable[[], ImageRef]


def read_sources(images: Iterable[Source]) -> Iterator[Source]:
    """Yield the images one by one."""
    return iter(images)
