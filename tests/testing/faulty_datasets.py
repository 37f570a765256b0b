"""A good data set, generated or of a folder, and variants with one thing wrong. Light: a process of its own imports it.

Photographs are smooth noise; a target is its source moved, so that what a keypoint is on can be seen in both.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.features.images import image_ref
from visionlaw.protocols import ImageRef, Instances, Pair
from visionlaw.specs import DatasetSpec, Option

SIDE, COARSE = 72, 3
FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


def spec_of(cls: type) -> DatasetSpec:
    rooted = issubclass(cls, FromFolder)
    return DatasetSpec(
        id="faulty",
        target=f"{__name__}:{cls.__name__}",
        description="Noise, and the same noise moved.",
        license="CC0-1.0",
        options={
            "shift": Option(type="int", default=3, description="How far targets are moved, in pixels."),
            "side": Option(type="str", default="both", choices=("both", "left"), description="Where keypoints are."),
        },
        needs_root=rooted,
        tiny=f"{__name__}:write" if rooted and cls is not NoMiniature else None,
    )


def photograph(number: int, shift: int) -> Image.Image:
    noise = np.random.default_rng(number).integers(0, 256, (SIDE // COARSE, SIDE // COARSE, 3), dtype=np.uint8)
    drawn = Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return drawn.transform((SIDE, SIDE), Image.Transform.AFFINE, (1, 0, -shift, 0, 1, -shift))


def photo_ref(number: int, shift: int) -> ImageRef:
    return ImageRef(f"noise-{number}-{shift}", partial(photograph, number, shift))


class Good:
    """Three pairs of eight keypoints."""

    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        if root is not None:
            raise DataError("The noise is generated.", "Leave the folder out.")
        if side not in ("both", "left"):
            raise DataError(f"There is no side '{side}'.", "Use both or left.")
        self.shift, self.side = shift, side

    @property
    def version(self) -> str:
        return f"noise-1;shift={self.shift};side={self.side}"

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        return (self.change(self.pair(number)) for number in range(3))

    def pair(self, number: int) -> Pair:
        points = np.random.default_rng(number).uniform(18, SIDE - 22, (8, 2))
        points[:, 0] = np.minimum(points[:, 0], SIDE / 2) if self.side == "left" else points[:, 0]
        return Pair(
            id=f"pair-{number}",
            source=self.ref(number, 0),
            target=self.ref(number, self.shift),
            source_points=points,
            target_points=points + self.shift,
            size=float(SIDE),
            category="noise",
            attributes={"number": number, "kind": "moved", "level": 0.5},
            instances=Instances(np.array([0]), np.array([[20.0, 30.0]]), np.array([9.0])),
        )

    def ref(self, number: int, shift: int) -> ImageRef:
        return photo_ref(number, shift)

    def change(self, pair: Pair) -> Any:
        return pair


class FromFolder(Good):
    """The same pairs, of image files."""

    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        super().__init__(spec, None, shift, side)
        self.root = self.checked(root)

    def checked(self, root: Path | None) -> Path:
        if root is None or not (root / "pairs.txt").is_file():
            raise DataError("There is no pairs.txt.", "Give the folder that has one.")
        return root

    def ref(self, number: int, shift: int) -> ImageRef:
        return image_ref(self.root / f"{number}-{min(shift, 1)}.png")


def write(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    (folder / "pairs.txt").write_text("3")
    for number, shift in itertools.product(range(3), (0, 3)):
        photograph(number, shift).save(folder / f"{number}-{min(shift, 1)}.png")
    return spec


@fault("dataset-protocol")
class WithoutVersion:
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None: ...

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Pair]:
        return iter(())


@fault("dataset-protocol")
class Empty(Good):
    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Pair]:
        return iter(())


@fault("dataset-protocol")
class NoMiniature(FromFolder):
    pass


@fault("pairs")
class Tuples(Good):
    def change(self, pair: Pair) -> Any:
        return pair.source, pair.target, pair.source_points, pair.target_points


@fault("pairs")
class NumberedIds(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, id=int(pair.id[-1]))


@fault("pairs")
class PathsForImages(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, source="source.png")


@fault("length")
class CountsWhatIsLeftOut(Good):
    def __len__(self) -> int:
        return 4


@fault("re-iterable")
class OnceOnly(Good):
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        super().__init__(spec, root, shift, side)
        self.left = list(super().__iter__())

    def __iter__(self) -> Iterator[Any]:
        while self.left:
            yield self.left.pop(0)


@fault("re-iterable")
class SharedCursor(Good):
    """Two iterations at a time share one place."""

    def __iter__(self) -> Iterator[Any]:
        self.at = 0
        while self.at < 3:
            self.at += 1
            yield self.pair(self.at - 1)


@fault("re-iterable")
class UnseededPoints(Good):
    def change(self, pair: Pair) -> Any:
        moved = random.random()
        return replace(pair, source_points=pair.source_points + moved, target_points=pair.target_points + moved)


DRAWN = itertools.count()


@fault("stable")
class GlobalGenerator(Good):
    """Each instance draws on where the one before left off."""

    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        super().__init__(spec, root, shift, side)
        self.drawn = next(DRAWN)

    def change(self, pair: Pair) -> Any:
        return replace(pair, id=f"{pair.id}-{self.drawn}")


@fault("stable")
class HashedIds(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, id=f"{hash(pair.id):x}")


@fault("stable")
class SetOrder(Good):
    def __iter__(self) -> Iterator[Any]:
        named = {self.pair(number).id: number for number in range(3)}
        return (self.pair(named[name]) for name in {*named, *(f"other-{i}" for i in range(9))} if name in named)


@fault("stable")
class AsFoldersList(FromFolder):
    """In the order of the file system, which is another one on each machine."""

    def __iter__(self) -> Iterator[Any]:
        return (self.pair(int(path.name[0])) for path in self.root.glob("*-0.png"))


@fault("version")
class NewVersionEachTime(Good):
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        super().__init__(spec, root, shift, side)
        self.made = next(DRAWN)

    @property
    def version(self) -> str:
        return f"noise-{self.made}"


@fault("version")
class VersionOfTheProcess(Good):
    @property
    def version(self) -> str:
        return f"noise-{os.getpid()}"


@fault("version")
class VersionIsThePath(FromFolder):
    @property
    def version(self) -> str:
        return str(self.root)


@fault("version")
class NumberForVersion(Good):
    @property
    def version(self) -> Any:
        return 1


@fault("ids")
class OneIdForAll(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, id=pair.category)


@fault("keypoints")
class SinglePrecision(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, source_points=pair.source_points.astype(np.float32))


@fault("keypoints")
class Transposed(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, source_points=pair.source_points.T, target_points=pair.target_points.T)


@fault("keypoints")
class InvisibleIsNaN(Good):
    def change(self, pair: Pair) -> Any:
        points = pair.target_points.copy()
        points[3] = np.nan
        return replace(pair, target_points=points)


@fault("keypoints")
class OneMissing(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, target_points=pair.target_points[1:])


@fault("sizes")
class BoxOfNothing(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, size=0.0)


@fault("sizes")
class SizePerImage(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, size=np.array([72.0, 72.0]))


@fault("further-positions")
class CountsFromOne(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, instances=replace(pair.instances, keypoint=np.array([8])))


@fault("further-positions")
class NoSizeThere(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, instances=replace(pair.instances, size=np.array([])))


@fault("attributes")
class NumpyScalars(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, attributes={"number": np.int64(3)})


@fault("attributes")
class NoCategory(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, category=None)


def as_array(number: int, shift: int) -> Any:
    return np.asarray(photograph(number, shift))


def with_grain(number: int, shift: int) -> Image.Image:
    pixels = np.asarray(photograph(number, shift), np.int16)
    grain = np.random.default_rng().integers(0, 9, pixels.shape)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def missing_file(number: int, shift: int) -> Image.Image:
    return Image.open(f"/nowhere/{number}-{shift}.png")


@fault("image-loads")
class Arrays(Good):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(photo_ref(number, shift), load=partial(as_array, number, shift))


@fault("image-loads")
class UnseededGrain(Good):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(photo_ref(number, shift), load=partial(with_grain, number, shift))


@fault("image-loads")
class FilesThatAreNotThere(Good):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(photo_ref(number, shift), load=partial(missing_file, number, shift))


@fault("image-keys")
class OneKeyForAPair(Good):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(photo_ref(number, shift), key=f"noise-{number}")


@fault("image-keys")
class KeyIsThePath(FromFolder):
    def ref(self, number: int, shift: int) -> ImageRef:
        ref = super().ref(number, shift)
        return replace(ref, key=str(self.root / f"{number}-{min(shift, 1)}"))


@fault("image-keys")
class KeyHasTheTime(FromFolder):
    def ref(self, number: int, shift: int) -> ImageRef:
        ref = super().ref(number, shift)
        changed = (self.root / f"{number}-{min(shift, 1)}.png").stat().st_mtime_ns
        return replace(ref, key=f"{ref.key}-{changed}")


@fault("image-keys")
class KeyIsTheName(FromFolder):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(super().ref(number, shift), key=f"{number}-{min(shift, 1)}")


DATABASE = sqlite3.connect(":memory:")


def from_database(number: int, shift: int) -> Image.Image:
    """SQLite's connections belong to the thread that made them."""
    (found,) = DATABASE.execute("select ?", (number,)).fetchone()
    return photograph(found, shift)


@fault("image-threads")
class OneConnection(Good):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(photo_ref(number, shift), load=partial(from_database, number, shift))


@fault("picklable")
class Lambdas(Good):
    def ref(self, number: int, shift: int) -> ImageRef:
        return replace(photo_ref(number, shift), load=lambda: photograph(number, shift))


@fault("picklable")
class HoldsALock(Good):
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        super().__init__(spec, root, shift, side)
        self.lock = threading.Lock()


@fault("picklable")
class ForgetsItsShift(Good):
    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "shift": 0}


@fault("option-choices")
class RefusesAChoice(Good):
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        if side == "left":
            raise DataError("There is no side 'left'.", "Use both.")
        super().__init__(spec, root, shift, side)


@fault("option-choices")
class OtherDefault(Good):
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 2, side: str = "both") -> None:
        super().__init__(spec, root, shift, side)


@fault("root")
class IgnoresTheFolder(Good):
    def __init__(self, spec: DatasetSpec, root: Path | None = None, shift: int = 3, side: str = "both") -> None:
        super().__init__(spec, None, shift, side)


@fault("root")
class FailsOnAnotherFolder(FromFolder):
    def checked(self, root: Path | None) -> Path:
        if root is None:
            raise DataError("No folder is given.", "Give one.")
        json.loads((root / "pairs.txt").read_text())
        return root


@fault("root")
class SaysNoRemedy(FromFolder):
    def checked(self, root: Path | None) -> Path:
        if root is None or not (root / "pairs.txt").is_file():
            raise DataError("There is no pairs.txt.")
        return root


@fault("keypoints-inside")
class CountsAsMatlab(Good):
    """The last pixel is W there, which is outside here."""

    def change(self, pair: Pair) -> Any:
        last = np.array([[SIDE, SIDE]], dtype=np.float64)
        return replace(pair, source_points=np.vstack([pair.source_points, last]),
                       target_points=np.vstack([pair.target_points, last - 1]))  # fmt: skip


@fault("keypoints-inside")
class FurtherOutside(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, instances=replace(pair.instances, points=np.array([[20.0, -1.0]])))


@fault("keypoints-on-content")
class HalfAPixelBeside(Good):
    """Source positions from the pixel's centre, target positions from its corner."""

    def change(self, pair: Pair) -> Any:
        return replace(pair, target_points=pair.target_points + 0.5)


@fault("keypoints-on-content")
class HalfAPatchBeside(Good):
    def change(self, pair: Pair) -> Any:
        return replace(pair, target_points=pair.target_points - 7)
