"""The image source ``parquet``: a table, or a folder of tables, of images and captions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visionlaw.errors import DataError
from visionlaw.images.items import Columns, require_path
from visionlaw.images.tables import Blocks, TableImages, unreadable
from visionlaw.specs import ImageSourceSpec


class ParquetBlocks(Blocks):
    """The row groups of a parquet file.

    Raises:
        DataError: It is none.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingTypeStubs]

        self.path = path
        try:
            self._file: Any = parquet.ParquetFile(path)
        except Exception as error:
            raise unreadable(path, error) from error
        groups = self._file.metadata
        self.sizes = [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]
        self.columns = list(self._file.schema_arrow.names)

    def read(self, block: int, columns: Sequence[str]) -> Any:
        """Return a row group."""
        return self._file.read_row_group(block, columns=list(columns))


def build(
    spec: ImageSourceSpec, root: Path | str | None = None, image: str = "image", caption: str = "caption"
) -> TableImages:
    """Return the images of a parquet file, or of all those in a folder and the folders in it, sorted by path.

    Args:
        spec: The spec that names this function.
        root: The file or the folder.
        image: The column of the images: encoded bytes, ``{bytes, path}``, or paths relative to the file.
        caption: The column of the captions; a table need not have it.

    Raises:
        DataError: There is no such file, it is damaged, or has no images.
    """
    path = require_path(root, spec.id)
    files = parquet_files(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"The folder '{path}' holds no parquet file.", "Give a folder of files that end in .parquet.")
    return TableImages([ParquetBlocks(file) for file in files], Columns(image, caption))


def parquet_files(folder: Path) -> list[Path]:
    """List the parquet files of a folder and of the folders in it, sorted by path."""
    return sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("."))
