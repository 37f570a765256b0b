"""What the checks of data sets and image sources look at: the first items, as they are read once for all of them.

Large ones are not read to their end: the first :data:`MOST_ITEMS` pairs or images stand for the rest, and of their
images the first :data:`MOST_IMAGES` where each is loaded several times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import islice
from typing import Any, TypeVar, cast

import numpy as np
from PIL import Image

from visionlaw.errors import VisionlawError
from visionlaw.features.pixels import to_rgb
from visionlaw.guard import describe_error
from visionlaw.protocols import ImageRef, Pair
from visionlaw.testing.checks import fail
from visionlaw.testing.subjects import Subject

MOST_ITEMS = 32
MOST_IMAGES = 8

T = TypeVar("T")


def once(function: Callable[[Subject], T]) -> Callable[[Subject], T]:
    """Have a function of a subject computed once for each; where it raises, it is called again the next time."""

    @wraps(function)
    def remembered(subject: Subject) -> T:
        return subject.shared(f"{function.__module__}.{function.__qualname__}", lambda: function(subject))

    return remembered


def first_items(given: Iterable[Any], more: int = 0) -> list[Any]:
    """Return what a data set or image source yields first: at most :data:`MOST_ITEMS`, and ``more``."""
    return list(islice(given, MOST_ITEMS + more))


@once
def items_of(subject: Subject) -> list[Any]:
    """Return the first items of the shared instance, one more than the checks look at, so that the end is seen."""
    return first_items(subject.instance, more=1)


def pairs_of(subject: Subject) -> list[Pair]:
    """Return the first pairs of a data set."""
    return cast("list[Pair]", items_of(subject)[:MOST_ITEMS])


def images_in(items: Iterable[Any]) -> list[tuple[str, ImageRef]]:
    """Return the images of pairs or captioned images in order, each key once, with where each is."""
    found: dict[str, tuple[str, ImageRef]] = {}
    for number, item in enumerate(items):
        shown = _shown_by(item, number)
        for where, ref in shown:
            found.setdefault(ref.key, (where, ref))
    return list(found.values())


def places_in(items: Iterable[Any]) -> list[tuple[str, ImageRef]]:
    """Return every image of pairs or captioned images, as often as it is shown, with where it is."""
    return [place for number, item in enumerate(items) for place in _shown_by(item, number)]


def _shown_by(item: Any, number: int) -> list[tuple[str, ImageRef]]:
    if isinstance(item, Pair):
        return [(f"the {side} of pair '{item.id}'", getattr(item, side)) for side in ("source", "target")]
    return [(f"image {number}", item[0])]


@once
def seen_images(subject: Subject) -> dict[str, tuple[tuple[int, int], str]]:
    """Load each image of the first items once: size (W, H) and digest of the pixels, by key."""
    return {ref.key: pixels_of(ref, where) for where, ref in images_in(items_of(subject)[:MOST_ITEMS])}


def pixels_of(ref: ImageRef, where: str) -> tuple[tuple[int, int], str]:
    """Load an image, and return its size (W, H) and the digest of its pixels in RGB."""
    image = load(ref, where)
    return image.size, digest(image.size, image.tobytes())


def load(ref: ImageRef, where: str) -> Image.Image:
    """Load an image in RGB; fail where that cannot be done.

    Args:
        ref: The image.
        where: Names it: ``the source of pair 'a'``.
    """
    try:
        image: Any = ref.load()
    except VisionlawError as error:
        fail(f"Loading {where} failed: {error.message}", error.remedy)
    except Exception as error:  # noqa: BLE001  the code of a plugin raises anything
        fail(f"Loading {where} raised {describe_error(error)}.", "ImageRef.load returns the image.")
    if not isinstance(image, Image.Image):
        fail(f"Loading {where} gave {type(image).__name__}.", "ImageRef.load returns a PIL image.")
    try:
        return to_rgb(image, ref.key)
    except (VisionlawError, OSError, ValueError) as error:
        fail(f"What loading {where} gave is not RGB and cannot become it: {describe_error(error)}.")


def check_ref(ref: Any, where: str) -> None:
    """Fail where something is no reference to an image."""
    if not isinstance(ref, ImageRef):
        fail(f"As {where} it gives {type(ref).__name__}.", "Give an ImageRef.")
    if not isinstance(cast("Any", ref.key), str) or not ref.key or not callable(ref.load):
        fail(f"The ImageRef of {where} lacks a key that is a text, or a load() that can be called.")


def fingerprint(item: Any) -> str:
    """Return a digest of all that an item says: ids, keys, numbers, captions; pixels aside."""
    if not isinstance(item, Pair):
        ref, caption = item
        return digest("image", ref.key, repr(caption))
    further = item.instances
    extra = () if further is None else (further.keypoint, further.points, further.size)
    attributes = cast("dict[Any, Any]", item.attributes).items()
    plain = sorted((str(name), repr(value)) for name, value in attributes if isinstance(value, str | int | float))
    said = (item.id, item.source.key, item.target.key, item.category, plain)
    return digest(repr(said), *map(_numbers, (item.source_points, item.target_points, item.size, *extra)))


def fingerprints(items: Sequence[Any]) -> list[str]:
    """Return the :func:`fingerprint` of each item."""
    return list(map(fingerprint, items))


def name_of(item: Any, number: int) -> str:
    """Return how a message calls an item."""
    return f"pair '{item.id}'" if isinstance(item, Pair) else f"image {number}"


def digest(*parts: object) -> str:
    """Return the SHA-256 of texts and bytes."""
    found = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else repr(part).encode()
        found.update(len(content).to_bytes(8) + content)
    return found.hexdigest()


def _numbers(values: Any) -> bytes:
    try:
        return np.asarray(values, dtype=np.float64).tobytes()
    except (TypeError, ValueError):  # not numbers at all, which is told elsewhere
        return type(values).__name__.encode()
