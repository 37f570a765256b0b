"""The lab's image sources: the scenes of each benchmark, for A by maxcos, and scenes with captions, for loglik."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.protocols import CaptionedImage
from visionlaw.specs import ImageSourceSpec
from visionlaw_lab.captions import caption
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
        DataError: There is no such benchmark, or a number is out of range.
    """
    name = benchmark_of(benchmark)
    return SceneSource(images, lambda number: benchmark_question(name, _seed(seed), number)[0], captioned=False)


def build_captions(spec: ImageSourceSpec, root: Path | None = None, images: int = 240, seed: int = 0) -> SceneSource:
    """Return the image source ``lab/captions``: scenes of the split ``test`` with their captions.

    Raises:
        DataError: A number is out of range.
    """
    return SceneSource(images, lambda number: training_scene(_seed(seed), number, "test"), captioned=True)


def _seed(seed: int) -> int:
    if seed < 0:
        raise DataError(f"The option seed={seed} is out of range.", "Use 0 or a positive whole number.")
    return seed
