"""How large text can be: as large as wanted, or smaller until all of it fits the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from visionlaw.errors import PluginError

T = TypeVar("T")

SMALLEST = 7
SHRINK = 0.94


def shrink_to_fit(page: tuple[int, int], largest: float, attempt: Callable[[int], T | None]) -> T:
    """Return what the largest text that fits gives.

    Args:
        page: (W, H), for the message.
        largest: The size to begin with, in pixels.
        attempt: Takes a size in whole pixels and returns None where the text does not fit.

    Raises:
        PluginError: It does not even fit at 7 pixels.
    """
    size = largest
    while True:
        px = max(SMALLEST, round(size))
        found = attempt(px)
        if found is not None:
            return found
        if px == SMALLEST:
            raise does_not_fit(page, px)
        size *= SHRINK


def does_not_fit(page: tuple[int, int], px: int) -> PluginError:
    """Return the error for content that the page has no room for, however small it is."""
    return PluginError(
        f"The text drawn for a page of {page[0]} × {page[1]} pixels does not fit it, even {px} pixels high.",
        "Use another seed or level, and report it to the authors of visionlaw-textpairs.",
    )
