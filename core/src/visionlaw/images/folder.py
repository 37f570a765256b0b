"""The image source ``folder``: the images of a folder and of all folders in it, without captions."""

from __future__ import annotations

from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.features.sources.folders import image_files
from visionlaw.features.sources.shards import is_shard
from visionlaw.images.items import FileImages, require_folder
from visionlaw.specs import ImageSourceSpec


def build(spec: ImageSourceSpec, root: Path | str | None = None) -> FileImages:
    """Return the images of a folder, sorted by name within each folder, hidden ones left out.

    Args:
        spec: The spec that names this function.
        root: The folder.

    Raises:
        DataError: There is no such folder, a folder in it cannot be read, it holds no image, or tar shards, whose
            images cannot be read by place.
    """
    folder = require_folder(root, spec.id)
    found: list[Path] = []
    for path, error in image_files(folder):
        if error is not None:
            raise error
        if is_shard(path):
            raise DataError(f"'{path}' is a tar shard, which is not drawn from.", "Unpack it.")
        found.append(path)
    if not found:
        raise DataError(f"The folder '{folder}' holds no image.", "Images are known by suffixes such as .jpg and .png.")
    return FileImages([(path, None) for path in found])
