"""The lab's image sources: the scenes of each benchmark, for A by maxcos, and scenes with captions, for loglik."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.protocols import CaptionedImage
from visionlaw.specs import ImageSourceSpec
from visionlaw_lab.captions import caption
from visionlaw_lab.names import Benchmark
from visionlaw_lab.questions import benchmark_of, benchmark_question, training_scene
from visionlaw_lab.rendering import scene_ref
from visionlaw_lab.scenes import Scene

MOST = 100_000


class SceneSource:
    """Scenes by number, a :class:`visionlaw.protocols.ImageSource`.

    Args:
        count: How many.
        scene: Draws the scene of a number.
        captioned: Whether each comes with its caption.
    """

    def __init__(self, count: int, scene: Callable[[int], Scene], captioned: bool) -> None:
        if not 1 <= count <= MOST:
            raise DataError(f"The option images={count} is out of range.", f"Ask for 1 to {MOST:,} images.")
        self._count = count
        self._scene = scene
        self._captioned = captioned

    def __len__(self) -> int:
        """Count the scenes."""
        return self._count

    def __iter__(self) -> Iterator[CaptionedImage]:
        """Yield each scene's picture, with its caption or None."""
        for number in range(self._count):
            scene = self._scene(number)
            yield scene_ref(scene), caption(scene) if self._captioned else None


def build_benchmark(
    spec: ImageSourceSpec, root: Path | None = None, benchmark: str = "existence", images: int = 240, seed: int = 0
) -> SceneSource:
    """Return the image source ``lab``: the scenes that a benchmark's questions are about.

    Raises:
        DataError: There is no such benchmark, a number is out of range, or a folder is given.
    """
    refuse_root(root)
    scene = partial(_benchmark_scene, benchmark_of(benchmark), checked_seed(seed))
    return SceneSource(images, scene, captioned=False)


def build_captions(spec: ImageSourceSpec, root: Path | None = None, images: int = 240, seed: int = 0) -> SceneSource:
    """Return the image source ``lab/captions``: scenes of the split ``test`` with their captions.

    Raises:
        DataError: A number is out of range, or a folder is given.
    """
    refuse_root(root)
    return SceneSource(images, partial(_captioned_scene, checked_seed(seed)), captioned=True)


def refuse_root(root: Path | str | None) -> None:
    """Refuse a folder that is given where nothing is read.

    Raises:
        DataError: One is given.
    """
    if root is not None:
        raise DataError("The lab's scenes are generated, and no folder is read.", "Leave the folder out.")


def checked_seed(seed: int) -> int:
    """Return the seed.

    Raises:
        DataError: It is below 0.
    """
    if seed < 0:
        raise DataError(f"The option seed={seed} is out of range.", "Use 0 or a positive whole number.")
    return seed


def _benchmark_scene(benchmark: Benchmark, seed: int, number: int) -> Scene:
    return benchmark_question(benchmark, seed, number)[0]


def _captioned_scene(seed: int, number: int) -> Scene:
    return training_scene(seed, number, "test")
