"""Checks that data sets and image sources share: what they yield, again and elsewhere, their images, their options."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from visionlaw.errors import MissingDependencyError, PluginError, VisionlawError
from visionlaw.features.images import load_image
from visionlaw.guard import describe_error, third_party
from visionlaw.protocols import ImageRef
from visionlaw.specs import DatasetSpec, Option
from visionlaw.testing.checks import check, fail
from visionlaw.testing.elsewhere import ask_elsewhere
from visionlaw.testing.samples import (
    MOST_IMAGES,
    MOST_ITEMS,
    fingerprints,
    first_items,
    images_in,
    items_of,
    name_of,
    pixels_of,
    places_in,
    seen_images,
)
from visionlaw.testing.subjects import Subject

BOTH = ("dataset", "image_source")
ITEMS = ("pairs", "captioned-images")
"""The checks that what is yielded is what the protocol says, of either kind."""
THREADS = 4


@check("length", *BOTH, needs=ITEMS)
def length(subject: Subject) -> None:
    """``len()`` is the number of items that are yielded."""
    told, counted = len(subject.instance), len(items_of(subject))
    if counted != min(told, MOST_ITEMS + 1):
        seen = f"more than {MOST_ITEMS}" if counted > MOST_ITEMS else counted
        fail(f"len() is {told}, but iterating yields {seen}.", "Count what is yielded, without what is left out.")


@check("re-iterable", *BOTH, needs=ITEMS)
def re_iterable(subject: Subject) -> None:
    """Each iteration yields the same, also of two at a time; the first 32 items are looked at."""
    expected = fingerprints(items_of(subject))
    _same(expected, fingerprints(first_items(subject.instance, more=1)), "A second iteration")
    interleaved = list(zip(first_items_lazily(subject), first_items_lazily(subject), strict=False))
    for side in zip(*interleaved, strict=True):
        _same(expected, fingerprints(side), "Of two iterations at a time, one")


def first_items_lazily(subject: Subject) -> Any:
    """Return a new iteration over the items that are looked at."""
    return (item for item, _ in zip(subject.instance, range(MOST_ITEMS + 1), strict=False))


def _same(expected: list[str], found: list[str], what: str) -> None:
    if len(found) != len(expected):
        fail(
            f"{what} yields {len(found)} items, not {len(expected)} as the first.",
            "Start anew in __iter__, and keep no state between iterations.",
        )
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        if one != other:
            fail(
                f"{what} differs from the first at item {number}.",
                "Draw from a generator that is seeded in __iter__, by the item's number.",
            )


@check("stable", *BOTH, needs=("re-iterable",))
def stable(subject: Subject) -> None:
    """Another instance, and one in a process of its own, yield the same ids, keys and points.

    In that process, the hash seed is another one, and folders list their files in the opposite order.
    """
    items = items_of(subject)
    expected = fingerprints(items)
    for found, what in (
        (fingerprints(first_items(subject.load(), more=1)), "Another instance"),
        (ask_elsewhere(subject).items, "Where PYTHONHASHSEED and the order of files in a folder are others, it"),
    ):
        if len(found) != len(expected):
            fail(f"{what} yields {len(found)} items, not {len(expected)}.", "Sort what the file system or a set lists.")
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            if one != other:
                fail(
                    f"{what} yields another {name_of(items[number], number)}.",
                    "Sort what folders and sets list; use no id(), hash(), clock or unseeded randomness.",
                )


@check("image-loads", *BOTH, needs=ITEMS)
def image_loads(subject: Subject) -> None:
    """Every image loads as a PIL image that is RGB or can become it; of eight, a second load has the same pixels."""
    seen = seen_images(subject)
    for where, ref in _some_images(subject):
        if pixels_of(ref, where) != seen[ref.key]:
            fail(f"Loading {where} twice gives other pixels.", "Draw from a generator that is seeded by the recipe.")


@check("image-keys", *BOTH, needs=("image-loads", "stable"))
def image_keys(subject: Subject) -> None:
    """Keys stand for content: of one key the pixels are equal, elsewhere files keep their keys, changed ones do not."""
    seen = seen_images(subject)
    looked: Counter[str] = Counter()
    for where, ref in places_in(items_of(subject)[:MOST_ITEMS]):
        looked[ref.key] += 1
        if looked[ref.key] in (2, 3) and pixels_of(ref, where) != seen[ref.key]:
            fail(f"The key '{ref.key:.80}' is that of two images; one is {where}.", KEY_REMEDY)
    _keys_after_a_move(subject)


KEY_REMEDY = "Make the key a digest of the file's bytes (visionlaw.features.images.image_ref), or of the whole recipe."


def _keys_after_a_move(subject: Subject) -> None:
    """Look at a copy of the folder in another place, and at one whose images are others."""
    if subject.declared.tiny is None:
        return
    before = [ref.key for _, ref in places_in(items_of(subject)[:MOST_ITEMS])]
    moved = copied(subject, "moved")
    after = [ref.key for _, ref in places_in(first_items(subject.load(root=moved)))]
    if after != before:
        fail("An image's key is another one where its folder lies elsewhere.", KEY_REMEDY)
    changed = copied(subject, "changed")
    if not _negate(subject.folder / "changed"):
        return
    kept = {ref.key for _, ref in places_in(first_items(subject.load(root=changed)))} & set(before)
    if kept:
        fail(f"The key '{min(kept):.80}' stays though the image changes.", KEY_REMEDY)


def copied(subject: Subject, name: str) -> Path:
    """Copy the folder of the tiny instance, and return the root in the copy."""
    place = subject.folder / name
    if not place.exists():
        shutil.copytree(subject.home, place, copy_function=shutil.copyfile)  # times are no part of the content
    return place / Path(subject.arguments()["root"]).relative_to(subject.home)


def _negate(folder: Path) -> int:
    """Write the negative of every image file into its place; return how many there were."""
    count = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            with Image.open(path) as opened:
                form = opened.format
            ImageOps.invert(load_image(path)).save(path, form)
        except (OSError, ValueError, KeyError, VisionlawError):
            continue  # no image, or one that Pillow cannot write
        count += 1
    return count


@check("image-threads", *BOTH, needs=("image-loads",))
def image_threads(subject: Subject) -> None:
    """Images loaded by four threads at a time are those that are loaded one by one."""
    seen, some = seen_images(subject), _some_images(subject) * 2
    with ThreadPoolExecutor(THREADS, "visionlaw-check") as pool:
        loaded = [pool.submit(pixels_of, ref, where) for where, ref in some]
    for (where, ref), found in zip(some, loaded, strict=True):
        if found.exception() is not None or found.result() != seen[ref.key]:
            fail(
                f"Loaded by several threads at a time, {where} is another image, or fails.",
                "Share no open file, generator or canvas between loads; images are loaded in the background.",
            )


@check("picklable", *BOTH, needs=("re-iterable", "image-loads"))
def picklable(subject: Subject) -> None:
    """It survives being pickled, as do its items, whose images still load: worker processes get them so."""
    items = items_of(subject)[:MOST_ITEMS]
    for what, value in (("The instance", subject.instance), ("An item", items)):
        try:
            again = pickle.loads(pickle.dumps(value))  # noqa: S301  our own bytes
        except Exception as error:  # noqa: BLE001  pickling raises anything
            fail(
                f"{what} cannot be pickled: {describe_error(error)}.",
                "Give ImageRef.load a functools.partial of a function of a module; keep no open file, lock or lambda.",
            )
        found = first_items(again)
        if fingerprints(found) != fingerprints(items):
            fail(f"{what} is another one after pickling.", "Keep in __getstate__ all that the items depend on.")
        _load_some(subject, found)


def _load_some(subject: Subject, items: list[Any]) -> None:
    seen = seen_images(subject)
    for where, ref in images_in(items)[:2]:
        if pixels_of(ref, where) != seen[ref.key]:
            fail(f"After pickling, {where} is another image.", "Give ImageRef.load all that the image depends on.")


@check("option-choices", *BOTH, needs=("stable",))
def option_choices(subject: Subject) -> None:
    """Each declared choice of an option loads and yields, and the declared defaults are what holds without them."""
    for name, option in _options(subject).items():
        for value in _values(option):
            try:
                next(iter(subject.load(**{name: value})), None)
            except MissingDependencyError:
                continue  # what this choice needs is not on this machine
            except VisionlawError as error:
                fail(f"The option {name}={value} is declared, but: {error.message}", "Take it, or do not declare it.")
    defaults = {name: option.default for name, option in _options(subject).items()}
    if fingerprints(first_items(subject.load(**defaults), more=1)) != fingerprints(items_of(subject)):
        fail(
            "With the declared defaults given, it yields something else than without.",
            "Declare the defaults that the target has.",
        )


def _options(subject: Subject) -> dict[str, Option]:
    """Return the options of the tiny instance that an id can give."""
    return {name: option for name, option in subject.tiny.options.items() if name in subject.declared.options}


def _values(option: Option) -> tuple[Any, ...]:
    return (False, True) if option.type == "bool" else option.choices


@check("root", *BOTH, needs=ITEMS)
def root(subject: Subject) -> None:
    """A folder that is missing, or is of something else, is refused in a sentence with its remedy."""
    empty = subject.folder / "empty"
    empty.mkdir(exist_ok=True)
    given: list[tuple[Path | None, str]] = [(subject.folder / "missing", "a folder that is not there")]
    spec = subject.declared
    if isinstance(spec, DatasetSpec) and spec.needs_root:
        given.append((None, "no folder, which it needs"))
    if subject.declared.tiny is not None:
        given.append((empty, "an empty folder"))
    for place, what in given:
        error = _refusal(subject, place)
        if error is None:
            fail(
                f"Given {what}, it says nothing.",
                "Raise visionlaw.errors.DataError with a remedy (visionlaw.datasets.reading.require_layout does so); "
                "what reads no folder refuses one.",
            )
        if isinstance(error, PluginError):
            fail(f"Given {what}, it fails as if by a mistake in it: {error.message}", "Raise DataError with a remedy.")
        if not error.remedy:
            fail(f"Given {what}, it says what is wrong but not what to do: {error.message}", "Give a remedy.")


def _refusal(subject: Subject, place: Path | None) -> VisionlawError | None:
    """Return what is raised on loading, counting or iterating."""
    try:
        with third_party("It"):
            instance = subject.load(root=place)
            len(instance)
            first_items(instance)
    except VisionlawError as error:
        return error
    return None


def _some_images(subject: Subject) -> list[tuple[str, ImageRef]]:
    """Return eight of the images, or as many as there are, spread over the items."""
    found = images_in(items_of(subject)[:MOST_ITEMS])
    places = np.linspace(0, len(found) - 1, min(MOST_IMAGES, len(found))).round()
    return [found[int(place)] for place in places]
