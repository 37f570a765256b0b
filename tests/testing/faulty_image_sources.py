"""A good image source, generated or of a folder, and variants with one thing wrong. Light, as faulty_datasets.py is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.features.images import image_ref, load_image
from visionlaw.protocols import ImageRef
from visionlaw.specs import ImageSourceSpec, Option

FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


def spec_of(cls: type) -> ImageSourceSpec:
    return ImageSourceSpec(
        id="faulty",
        target=f"{__name__}:{cls.__name__}",
        description="Noise in words.",
        captions=cls is not SaysItHasNone,
        options={"tone": Option(type="str", default="dark", choices=("dark", "light"), description="Of the noise.")},
        tiny=f"{__name__}:write" if issubclass(cls, FromFolder) else None,
    )


def photograph(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 200, (20, 30, 3), dtype=np.uint8))


class Good:
    """Four images with captions."""

    def __init__(self, spec: ImageSourceSpec, root: Path | None = None, tone: str = "dark") -> None:
        if root is not None:
            raise DataError("The noise is generated.", "Leave the folder out.")
        self.tone = tone

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        return (self.item(number) for number in range(4))

    def item(self, number: int) -> Any:
        return self.ref(number), f"{self.tone} noise {number}"

    def ref(self, number: int) -> ImageRef:
        return ImageRef(f"noise-{number}", partial(photograph, number))


class FromFolder(Good):
    """The same images as files."""

    def __init__(self, spec: ImageSourceSpec, root: Path | None = None, tone: str = "dark") -> None:
        super().__init__(spec, None, tone)
        if root is None or not (root / "0.png").is_file():
            raise DataError("There is no 0.png.", "Give the folder that has one.")
        self.root = root

    def ref(self, number: int) -> ImageRef:
        return image_ref(self.root / f"{number}.png")


def write(spec: ImageSourceSpec, folder: Path) -> ImageSourceSpec:
    for number in range(4):
        photograph(number).save(folder / f"{number}.png")
    return spec


class ByPlace(FromFolder):
    """And read by place."""

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < 4:
            raise IndexError(index)
        return self.item(index)


@fault("image-source-protocol")
class WithoutLength:
    def __init__(self, spec: ImageSourceSpec, root: Path | None = None, tone: str = "dark") -> None: ...

    def __iter__(self) -> Iterator[Any]:
        return iter(())


@fault("captioned-images")
class ImagesAlone(Good):
    def item(self, number: int) -> Any:
        return self.ref(number)


@fault("captioned-images")
class SeveralCaptions(Good):
    def item(self, number: int) -> Any:
        return self.ref(number), ["noise", "grain"]


@fault("captions")
class OneWithout(Good):
    def item(self, number: int) -> Any:
        return self.ref(number), "noise" if number else None


@fault("captions")
class SaysItHasNone(Good):
    pass


@fault("nothing-decoded")
class KeyOfThePixels(FromFolder):
    def ref(self, number: int) -> ImageRef:
        path = self.root / f"{number}.png"
        return ImageRef(hashlib.sha256(load_image(path).tobytes()).hexdigest(), partial(load_image, path))


@fault("nothing-decoded")
class DrawsForTheKey(Good):
    def ref(self, number: int) -> ImageRef:
        return replace(super().ref(number), key=hashlib.sha256(photograph(number).tobytes()).hexdigest())


@fault("indexed")
class CountsFromOne(ByPlace):
    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(max(index - 1, 0))


@fault("indexed")
class NoEnd(ByPlace):
    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(index % 4)


@fault("length")
class CountsCaptions(Good):
    def __len__(self) -> int:
        return 20


@fault("re-iterable")
class AnIterator(Good):
    def __init__(self, spec: ImageSourceSpec, root: Path | None = None, tone: str = "dark") -> None:
        super().__init__(spec, root, tone)
        self.left = 4

    def __iter__(self) -> Iterator[Any]:
        while self.left:
            self.left -= 1
            yield self.item(self.left)


@fault("stable")
class HashedKeys(Good):
    def ref(self, number: int) -> ImageRef:
        return replace(super().ref(number), key=f"{hash(str(number)):x}")


@fault("image-loads")
class Nothing(Good):
    def ref(self, number: int) -> ImageRef:
        return replace(super().ref(number), load=dict)


@fault("image-keys")
class KeyIsTheNumber(FromFolder):
    def ref(self, number: int) -> ImageRef:
        return replace(super().ref(number), key=str(number))


def once_at_a_time(number: int) -> Image.Image:
    """One canvas for all: what a second thread draws on is the first one's."""
    if threading.current_thread() is not threading.main_thread():
        return photograph(0)
    return photograph(number)


@fault("image-threads")
class SharedCanvas(Good):
    def ref(self, number: int) -> ImageRef:
        return replace(super().ref(number), load=partial(once_at_a_time, number))


@fault("picklable")
class Lambdas(Good):
    def ref(self, number: int) -> ImageRef:
        return replace(super().ref(number), load=lambda: photograph(number))


@fault("option-choices")
class OtherDefault(Good):
    def __init__(self, spec: ImageSourceSpec, root: Path | None = None, tone: str = "light") -> None:
        super().__init__(spec, root, tone)


@fault("root")
class ReadsLate(FromFolder):
    """What is not there shows as a traceback when the first image is read."""

    def __init__(self, spec: ImageSourceSpec, root: Path | None = None, tone: str = "dark") -> None:
        Good.__init__(self, spec, None, tone)
        self.root = root or Path()

    def ref(self, number: int) -> ImageRef:
        content = (self.root / f"{number}.png").read_bytes()
        return ImageRef(hashlib.sha256(content).hexdigest(), partial(load_image, self.root / f"{number}.png"))
