"""What an image source is made of: places with an image and a caption, which are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from visionlaw.errors import DataError
from visionlaw.features.images import check_encoded, check_file, encoded_ref, image_ref
from visionlaw.features.sources.items import is_encoded, is_path
from visionlaw.protocols import CaptionedImage, ImageRef


class FileImages(Sequence[CaptionedImage]):
    """Image files, each with its caption; one is read, for its digest and its header, when it is asked for.

    Args:
        items: Path and caption of each.
    """

    def __init__(self, items: Sequence[tuple[Path, str | None]]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        path, caption = cast("tuple[Path, str | None]", self._items[index])
        return file_image(path), caption

    def __iter__(self) -> Iterator[CaptionedImage]:
        return (self[place] for place in range(len(self)))


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    Attributes:
        image: The images: encoded bytes, ``{bytes, path}`` as Hugging Face stores them, or paths.
        caption: The captions; a table need not have them.
    """

    image: str = "image"
    caption: str = "caption"

    def require(self, names: Sequence[str], where: object) -> None:
        """Check that a table has images.

        Raises:
            DataError: It has no such column.
        """
        if self.image not in names:
            raise DataError(
                f"'{where}' has no column '{self.image}' but {', '.join(map(repr, names)) or 'none'}.",
                "Name the column of the images: ?image=COLUMN",
            )

    def read(self, row: Mapping[str, Any], folder: Path, name: str) -> CaptionedImage:
        """Return the image of a row and its caption.

        Args:
            row: Its columns by name.
            folder: What paths are relative to.
            name: Names the row where its image is bad.

        Raises:
            DataError: There is no image in it, or none that can be read.
        """
        caption = row.get(self.caption)
        return value_image(row.get(self.image), folder, name), caption if isinstance(caption, str) else None


def value_image(value: Any, folder: Path, name: str) -> ImageRef:
    """Refer to the image that a table holds: encoded bytes, a path, or a mapping of both.

    Raises:
        DataError: It is none, or cannot be read.
    """
    if isinstance(value, Mapping):
        encoded = cast("Mapping[str, Any]", value)
        value = encoded.get("path") if encoded.get("bytes") is None else encoded["bytes"]
    if is_encoded(value):
        content = bytes(value)
        check_encoded(content, name)
        return encoded_ref(content, name)
    if is_path(value):
        return file_image(folder / value)
    raise DataError(
        f"'{name}' holds {'nothing' if value is None else type(value).__name__} where an image belongs.",
        "Take it out, or name the column of the images: ?image=COLUMN",
    )


def file_image(path: Path) -> ImageRef:
    """Refer to an image file by its content.

    Raises:
        DataError: It cannot be read, or has not the header of an image.
    """
    check_file(path)
    return image_ref(path)


def require_file(root: Path | str | None, source: str, suffixes: Sequence[str]) -> Path:
    """Return the file of a source.

    Raises:
        DataError: None is given, it is not there, or of another kind.
    """
    path = _require(root, source, f"a file ({', '.join(suffixes)})")
    if not path.is_file():
        raise DataError(f"'{path}' is {'a folder, not a file' if path.exists() else 'not there'}.", _give(source))
    if path.suffix.lower() not in suffixes:
        raise DataError(
            f"The source '{source}' does not read '{path.name}'.", f"It reads files that end in {', '.join(suffixes)}."
        )
    return path


def require_folder(root: Path | str | None, source: str) -> Path:
    """Return the folder of a source.

    Raises:
        DataError: None is given, or it is not there.
    """
    path = _require(root, source, "a folder")
    if not path.is_dir():
        raise DataError(f"'{path}' is {'a file, not a folder' if path.exists() else 'not there'}.", _give(source))
    return path


def require_path(root: Path | str | None, source: str) -> Path:
    """Return the file or folder of a source.

    Raises:
        DataError: None is given, or it is not there.
    """
    path = _require(root, source, "a file or a folder")
    if not path.exists():
        raise DataError(f"'{path}' is not there.", _give(source))
    return path


def _require(root: Path | str | None, source: str, what: str) -> Path:
    if root is None:
        raise DataError(f"The image source '{source}' needs {what}.", _give(source))
    return Path(root).expanduser()


def _give(source: str) -> str:
    return f'Give it with --images {source} --root PATH, or as images_root beside images = "{source}" in registry.toml.'
