"""Writing features to a folder, part by part."""

from __future__ import annotations

import contextlib
import json
import os
import re
import weakref
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from visionlaw.atomic import PREFIX, sweep, write_bytes, writing
from visionlaw.errors import DataError
from visionlaw.features.outputs.codecs import Codec, Content, find_codec
from visionlaw.features.outputs.formats import Format
from visionlaw.features.outputs.header import (
    MANIFEST,
    Header,
    check_manifest,
    find_format,
    read_manifest,
    stored_dtype,
    write_manifest,
)
from visionlaw.features.outputs.lock import claim
from visionlaw.features.outputs.parts import (
    INDEX_FILE,
    Part,
    index_bytes,
    read_index,
    read_parts,
)
from visionlaw.features.outputs.reading import QUARANTINE, SUMMARY, read_summary
from visionlaw.features.outputs.stacking import index_entry, stack_tokens
from visionlaw.features.results import Extracted, Quarantined

OTHER_FOLDER = "Write to another folder, or remove this one."


def open_output(folder: str | Path, form: str, header: Header) -> Output:
    """Begin an output, or go on with one that was interrupted.

    Nothing but the parts that are whole is kept; what a killed run has left of the part in hand is removed.

    Args:
        folder: Made where it is missing; it must be empty, or hold an output of the same header and format.
        form: ``safetensors``, ``npy``, ``zarr`` or ``parquet``.
        header: What will be written.

    Raises:
        DataError: The folder holds something else, cannot be written to, or another run is writing to it; there is no
            such format.
        MissingDependencyError: The library of the format is not installed.
    """
    folder, found = Path(folder), find_format(form)
    codec = find_codec(found)
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = claim(folder)
        try:
            _begin(folder, header, found, alone=lock is not None)
            return Output(folder, found, header, codec, lock)
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise


class Output:
    """Images with their features on the way to a folder; ends the claim on it as a context manager, or by ``close``.

    The input is a sequence of images at positions 0, 1, 2…; part k holds the positions from k·B to (k+1)·B, where B is
    the header's ``images_per_part``; the last part may hold fewer. Made by :func:`open_output`.

    Attributes:
        folder: Where it is.
        header: What it is of.
        finished: Number of leading positions that are written; the next part begins there.
    """

    def __init__(self, folder: Path, form: Format, header: Header, codec: Codec, lock: int | None) -> None:
        self.folder = folder
        self.header = header
        self.finished = 0
        self._dtype = getattr(torch, stored_dtype(header, form))
        self._codec = codec
        self._kept = 0
        self._part: Part | None = None
        self._release = weakref.finalize(self, os.close, lock) if lock is not None else None
        for part in _whole_parts(folder, header, codec):
            self._count(part)
        _remove_unfinished(folder, codec, -(-self.finished // header.images_per_part))
        summary = read_summary(folder)
        if summary is not None and summary["positions"] != self.finished:
            (folder / SUMMARY).unlink()
            summary = None
        self._ended = summary is not None or self.finished % header.images_per_part != 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self, position: int, name: str) -> bool:
        """Tell whether an image of the input is written already; ask in the order of the input.

        Args:
            position: Of the image in the input.
            name: Of the image there.

        Returns:
            True: written, as features or as quarantined. False: to be written.

        Raises:
            DataError: The input has changed: another image is written at that position, or the output had come to an
                end before it.
        """
        if position >= self.finished:
            if self._ended:
                raise DataError(
                    f"'{self.folder}' was finished with {self.finished} images, and the input goes on with '{name}'.",
                    OTHER_FOLDER,
                )
            return False
        number, row = divmod(position, self.header.images_per_part)
        if self._part is None or self._part.number != number:
            self._part = read_index(self.folder, number, self.header)
        stored = self._part.entries[row].name if self._part is not None else None
        if stored != name:
            raise DataError(
                f"The input has changed: its image {position} is '{name}', and '{self.folder}' holds '{stored}' there.",
                "Give the same images in the same order, write to another folder, or remove this one.",
            )
        return True

    def write(self, items: Sequence[Extracted | Quarantined]) -> None:
        """Write the next part, whole or not at all; when this returns it is there, whatever happens to the process.

        Args:
            items: The images from position ``finished`` on, ``images_per_part`` of them, fewer only at the end. Of
                their features those of the header's representation are written.

        Raises:
            DataError: The disk is full or the folder cannot be written to; the features are on another grid, have
                other channels, or values that float16 does not hold; the output has ended.
            ValueError: There are too many items, or none.
        """
        if not 1 <= len(items) <= self.header.images_per_part:
            raise ValueError(f"A part holds 1 to {self.header.images_per_part} images, not {len(items)}.")
        self.check(self.finished, items[0].name)
        number = self.finished // self.header.images_per_part
        part = Part(number, tuple(index_entry(item, self.header) for item in items), 0)
        tokens = stack_tokens(items, self.header, self._dtype)
        files = self._codec.encode(self.header, part, tokens)
        data = files.get(self._codec.data_file.format(number), ())
        part = replace(part, size=sum(len(piece) for piece in data))
        with _writing_to(self.folder):
            for path, content in files.items():
                self._write(path, content)
            write_bytes(self.folder / INDEX_FILE.format(number), index_bytes(part))
        self._count(part)
        self._ended = len(items) < self.header.images_per_part

    def complete(self, positions: int) -> None:
        """Write the totals and the list of quarantined images: the input has come to its end.

        Args:
            positions: Number of images in the input.

        Raises:
            DataError: The folder holds another number, so that the input has changed; it cannot be written to.
        """
        if positions != self.finished:
            raise DataError(
                f"The input has changed: it has {positions} images, and '{self.folder}' holds {self.finished}.",
                "Give the same images in the same order, write to another folder, or remove this one.",
            )
        totals = {"positions": positions, "images": self._kept, "quarantined": positions - self._kept}
        with _writing_to(self.folder):
            for path, content in self._codec.finish(self.header, self._parts(), positions):
                self._write(path, content)
            with writing(self.folder / QUARANTINE) as file:
                for part in self._parts():
                    file.writelines(_quarantine_lines(part, self.header))
            write_bytes(self.folder / SUMMARY, (json.dumps(totals, indent=2) + "\n").encode())
        self._ended = True

    def close(self) -> None:
        """Let others write to the folder; what is written stays, and the output can be opened again."""
        if self._release is not None:
            self._release()

    def _write(self, path: str, content: Content) -> None:
        with writing(self.folder / path) as file:
            file.writelines(content)

    def _count(self, part: Part) -> None:
        self.finished += len(part.entries)
        self._kept += len(part.kept)

    def _parts(self) -> Iterator[Part]:
        return read_parts(self.folder, self.header, self._codec.data_file)


def _begin(folder: Path, header: Header, form: Format, alone: bool) -> None:
    """Check what is in the folder and state what will be."""
    if (folder / MANIFEST).is_file():
        if _is_begun(folder):
            check_manifest(folder, header, form)
        else:  # a run of ours that failed before its first part binds nobody
            read_manifest(folder)
            write_manifest(folder, header, form)
    else:
        foreign = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if foreign:
            raise DataError(
                f"'{folder}' is not empty and holds no features of visionlaw: there is '{foreign[0]}'.",
                "Give an empty folder, or one that does not exist yet.",
            )
        write_manifest(folder, header, form)
    if alone:
        for leftover in folder.rglob(f"{PREFIX}*"):
            leftover.unlink()
    else:
        sweep(folder)


def _is_begun(folder: Path) -> bool:
    """Tell whether anything but a manifest has been written."""
    return any(path.name != MANIFEST and not path.name.startswith(".") for path in folder.iterdir())


def _whole_parts(folder: Path, header: Header, codec: Codec) -> Iterator[Part]:
    """Yield the leading parts that are whole: after a damaged one everything is written again."""
    with contextlib.suppress(DataError):
        yield from read_parts(folder, header, codec.data_file)


def _remove_unfinished(folder: Path, codec: Codec, first: int) -> None:
    """Remove the files of all parts from a number on, indices first."""
    for name in (INDEX_FILE, codec.data_file):
        for path in folder.glob(re.sub(r"\{.*?\}", "*", name)):
            number = re.search(r"\d+", path.name)
            if number is not None and int(number[0]) >= first:
                path.unlink()


@contextlib.contextmanager
def _writing_to(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Features cannot be written to '{folder}': {error.strerror or error}.",
            "Free some space there, or name a folder that you can write to; what was finished is kept.",
        ) from error


def _quarantine_lines(part: Part, header: Header) -> Iterator[bytes]:
    start = part.number * header.images_per_part
    for position, entry in enumerate(part.entries, start):
        if isinstance(entry, Quarantined):
            line = {"position": position, "name": entry.name, "reason": entry.reason}
            yield (json.dumps(line) + "\n").encode()
