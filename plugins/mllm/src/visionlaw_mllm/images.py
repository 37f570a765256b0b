"""The image of a record: a path below the image folder, or the bytes that stand in the record itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from visionlaw.datasets.reading import inner_path
from visionlaw.errors import DataError
from visionlaw.features.sources.source import Source, encoded_source, file_source


def find_image(image: object, name: str, folder: Path) -> Source | None:
    """Return the source of a record's image, not yet opened; None where it has none.

    Args:
        image: A path relative to ``folder``; encoded bytes; Hugging Face's ``{"bytes", "path"}``; a source; a list with
            one of these; or None.
        name: Of the record, for an image without a path.
        folder: What paths are relative to.

    Raises:
        DataError: A path that leads out of the folder, several images, or something that is no image at all.
    """
    if isinstance(image, (list, tuple)):
        images = cast("list[object]", image)
        if len(images) > 1:
            raise DataError(f"It has {len(images)} images; one image in a conversation is understood.")
        image = images[0] if images else None
    if isinstance(image, Mapping):
        encoded = cast("Mapping[str, Any]", image)
        content, path = encoded.get("bytes"), encoded.get("path")
        if isinstance(content, bytes):
            return encoded_source(path if isinstance(path, str) and path else name, content)
        image = path
    if image is None or isinstance(image, Source):
        return image
    if isinstance(image, bytes):
        return encoded_source(name, image)
    if not isinstance(image, str):
        raise DataError(f"Its image is {type(image).__name__}, not a path.")
    inner = inner_path(image)
    return file_source(inner, folder / inner)
