"""The images that are warped: a folder of yours, or the photographs in scikit-image's wheel."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image

from visionlaw.errors import DataError, MissingDependencyError
from visionlaw.features.images import image_ref, list_images, load_image
from visionlaw.protocols import ImageRef
from visionlaw.specs import ImageSourceSpec

LONGEST = 512
SHORTEST = 64

# The colour photographs of scikit-image's wheel. Its other images are grey, drawings, or fetched on demand;
# the right view of the motorcycle shows what the left one shows.
SKIMAGE_PHOTOS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)


@dataclass(frozen=True)
class Photo:
    """An image file.

    Attributes:
        name: Its file name, or the plain name of one of scikit-image's photographs.
        path: Where it is.
        digest: Digest of the file's bytes.
    """

    name: str
    path: Path
    digest: str

    def load(self) -> Image.Image:
        """Return the image in RGB, shrunk so that its longer side is at most 512 pixels.

        Raises:
            DataError: The file is no readable image, or its shorter side is then below 64 pixels.
        """
        return _decoded(self).copy()


# The pairs of a photograph follow each other, and each needs it whole: without this, decoding is half their cost.
@lru_cache(maxsize=4)
def _decoded(photo: Photo) -> Image.Image:
    image = load_image(photo.path)
    zoom = min(1.0, LONGEST / max(image.size))
    width, height = (max(1, round(side * zoom)) for side in image.size)
    if min(width, height) < SHORTEST:
        raise DataError(
            f"'{photo.path}' is too small to warp: {image.width}×{image.height} pixels.",
            f"Remove it from the folder, or use an image that is at least {SHORTEST} pixels on each side"
            f" when its longer side is {LONGEST}.",
        )
    if zoom == 1.0:
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS)


class PhotoSource:
    """Photographs without captions, at most 512 pixels a side; a :class:`visionlaw.protocols.ImageSource`.

    Each has the pixels that the data set ``warps`` shows as the sources of its pairs, and the same key.
    """

    def __init__(self, photos: tuple[Photo, ...]) -> None:
        self._photos = photos

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self._photos)

    def __iter__(self) -> Iterator[tuple[ImageRef, None]]:
        """Yield each photograph, in the order of the names."""
        for photo in self._photos:
            yield photo_ref(photo), None


def build(spec: ImageSourceSpec, root: Path | None = None) -> PhotoSource:
    """Return the image source ``warps/photos``: scikit-image's photographs, or the images in ``root``.

    Raises:
        DataError: As :func:`find_photos`.
    """
    return PhotoSource(find_photos(root))


def photo_ref(photo: Photo) -> ImageRef:
    """Return the reference of a photograph as it is loaded here; its key changes with the file's bytes."""
    return ImageRef(f"longest={LONGEST};{photo.digest}", partial(Photo.load, photo))


def find_photos(root: Path | str | None) -> tuple[Photo, ...]:
    """List the images directly inside a folder, sorted by name; without a folder, scikit-image's photographs.

    The files are read, for their digests, but not decoded yet.

    Raises:
        DataError: The folder does not exist or holds no image, or an image file cannot be read.
    """
    if root is None:
        return tuple(Photo(path.stem, path, image_ref(path).key) for path in _skimage_paths())
    return tuple(Photo(path.name, path, image_ref(path).key) for path in list_images(root))


def _skimage_paths() -> tuple[Path, ...]:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise MissingDependencyError("scikit-image is not installed.", "Type: pip install scikit-image")
    return tuple(Path(spec.origin).parent / "data" / name for name in SKIMAGE_PHOTOS)
