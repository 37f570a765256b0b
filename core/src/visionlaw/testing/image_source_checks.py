"""Checks of image sources; of a large one the first 32 images are looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any, cast

from PIL import Image, ImageFile

from visionlaw.errors import VisionlawError
from visionlaw.protocols import ImageSource, IndexedSource
from visionlaw.specs import ImageSourceSpec
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.samples import MOST_ITEMS, check_ref, fingerprint, first_items, items_of
from visionlaw.testing.subjects import Subject


@check("image-source-protocol", "image_source", needs=("options",))
def image_source_protocol(subject: Subject) -> None:
    """It loads, and has what an ``ImageSource`` has: ``len()`` and iteration."""
    if not isinstance(subject.instance, ImageSource):
        fail(f"The target gives {type(subject.instance).__name__}, which lacks len() or iteration.")
    told = len(subject.instance)
    if told < 1:
        fail(f"len() is {told}: there is nothing to check.", "Have the miniature hold images for the default options.")


@check("captioned-images", "image_source", needs=("image-source-protocol",))
def captioned_images(subject: Subject) -> None:
    """It yields pairs of an image reference with a key and a caption, a text or None."""
    for number, item in enumerate(items_of(subject)):
        if not _is_couple(item):
            fail(f"Item {number} is {type(item).__name__}.", "Yield (ImageRef, caption), the caption None without one.")
        ref, caption = item
        check_ref(ref, f"image {number}")
        if caption is not None and not isinstance(caption, str):
            fail(f"The caption of image {number} is {type(caption).__name__}.", "Give a text, or None.")


def _is_couple(item: Any) -> bool:
    return isinstance(item, tuple) and len(cast("tuple[Any, ...]", item)) == 2


@check("captions", "image_source", needs=("captioned-images",))
def captions(subject: Subject) -> None:
    """Each image has a caption where the spec says ``captions``, and none where it does not."""
    spec = subject.declared
    wanted = isinstance(spec, ImageSourceSpec) and spec.captions
    for number, (_, caption) in enumerate(items_of(subject)):
        if wanted and not (caption or "").strip():
            fail(f"The spec says captions=True, but image {number} has none.", "Leave such images out, or say False.")
        if not wanted and caption is not None:
            fail(f"The spec says captions=False, but image {number} has one.", "Say captions=True in the spec.")


@check("nothing-decoded", "image_source", needs=("captioned-images",))
def nothing_decoded(subject: Subject) -> None:
    """Iterating decodes and draws no image: of half a million, a hundred are wanted."""
    instance = subject.load()
    with _counted() as decoded:
        count = len(first_items(instance))
    if decoded:
        fail(
            f"Iterating over {count} images decodes or draws {len(decoded)}.",
            "Decode in ImageRef.load; a digest of the file's bytes, or of the recipe, is key enough.",
        )


@contextlib.contextmanager
def _counted() -> Generator[list[str]]:
    """Count the images that Pillow decodes or makes, headers aside."""
    seen: list[str] = []
    image_class, file_class = cast("Any", Image.Image), cast("Any", ImageFile.ImageFile)
    make, decode = image_class.__init__, file_class.load

    def making(image: Image.Image, *given: Any, **named: Any) -> None:
        make(image, *given, **named)
        if not isinstance(image, ImageFile.ImageFile):
            seen.append("made")

    def decoding(image: ImageFile.ImageFile, *given: Any, **named: Any) -> Any:
        seen.append("decoded")
        return decode(image, *given, **named)

    image_class.__init__, file_class.load = making, decoding
    try:
        yield seen
    finally:
        image_class.__init__, file_class.load = make, decode


@check("indexed", "image_source", needs=("re-iterable",))
def indexed(subject: Subject) -> None:
    """Read by place, it gives what iterating gives, and raises behind the last place."""
    source = subject.instance
    if not isinstance(source, IndexedSource):
        skip("It is not read by place, which is optional: it has no __getitem__.")
    items = items_of(subject)[:MOST_ITEMS]
    for place in reversed(range(len(items))):
        if fingerprint(source[place]) != fingerprint(items[place]):
            fail(f"What is read at place {place} is not what iterating yields there.", "Count places from 0.")
    try:
        source[len(source)]
    except (IndexError, VisionlawError):
        return
    fail("It gives something behind its last place.", "Raise IndexError where there is no such place.")
