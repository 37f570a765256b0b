"""Images from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from visionlaw.protocols import ImageRef


@dataclass(frozen=True)
class Source:
    """An image that is opened on demand."""

    name: str
    open: Callable[[], ImageRef]
