"""WebDataset shards: tar archives in which the files of one record follow each other and share a name up to its suffix.

``00012.json`` holds the record in LLaVA's form, ``00012.jpg`` its image; for image–caption pairs ``00012.txt``, the
caption, will do. One pass over the headers finds where each record begins; its files are read when they are asked for.
So records are drawn from all shards at random, as from any other format, and a run goes on anywhere without reading
what went before. An archive that is compressed as a whole cannot be read so, and is refused.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from visionlaw.errors import DataError
from visionlaw.features.formats import is_image_name
from visionlaw.features.images import check_bytes, encoded_ref, open_file
from visionlaw.features.sources.shards import Member
from visionlaw.features.sources.source import Source, printable
from visionlaw.guard import describe_error
from visionlaw.protocols import ImageRef
from visionlaw_mllm.conversations import TAG
from visionlaw_mllm.formats.json_array import MAX_RECORD_BYTES
from visionlaw_mllm.order import Block


class ShardTable:
    """The records of shards, by where their first file's header stands.

    Args:
        shards: The archives.
        places: Of each record the number of its shard, and the byte where it begins in it.
        version: Digest of all headers.
    """

    def __init__(self, shards: Sequence[Path], places: tuple[array[int], array[int]], version: str) -> None:
        self.version = version
        self.blocks: Sequence[Block] = (Block(len(places[0])),)
        self._shards = shards
        self._numbers, self._begins = places

    def rows(self, positions: Iterator[int]) -> Iterator[tuple[int, object]]:
        """Yield each position with its row; see :class:`visionlaw_mllm.formats.Table`."""
        for position in positions:
            path = self._shards[self._numbers[position]]
            try:
                yield position, _read_record(path, self._begins[position])
            except DataError as error:
                yield position, error
            except (OSError, tarfile.TarError) as error:
                yield position, DataError(f"The shard '{path}' is damaged: {describe_error(error)}.")


def open_shards(files: Sequence[Path]) -> ShardTable:
    """Index shards by their headers.

    Raises:
        DataError: One is compressed, damaged, or cannot be read.
    """
    numbers, begins, digest = array("L"), array("Q"), hashlib.sha256()
    for number, path in enumerate(files):
        digest.update(f"{path.name}\n".encode())
        last = None
        try:
            for member in _members(path):
                digest.update(f"{member.name}\0{member.size}\0{member.mtime}\n".encode("utf-8", "surrogateescape"))
                key = _key(member.name)
                if member.isreg() and key is not None and key != last:
                    numbers.append(number)
                    begins.append(member.offset)
                    last = key
        except (OSError, tarfile.TarError) as error:
            raise DataError(
                f"The shard '{path}' is damaged: {describe_error(error)}.", "Fetch the shard again, or take it out."
            ) from error
    return ShardTable(files, (numbers, begins), f"sha256:{digest.hexdigest()[:32]}")


def _members(path: Path, begin: int = 0) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive whose headers stand at a byte or behind it."""
    with open_file(path) as file:
        if file.read(2) == b"\x1f\x8b":
            raise DataError(
                f"The shard '{path}' is compressed, so that no record in it can be found.", f"gunzip '{path}'"
            )
        file.seek(begin)
        with tarfile.open(fileobj=file, mode="r:", tarinfo=Member) as archive:
            while (member := archive.next()) is not None:
                vars(archive)["members"] = []  # tarfile would remember every member
                yield member


def _key(name: str) -> str | None:
    """Return what the files of one record share: the name up to the first dot of its last part; None if hidden."""
    folder, _, base = name.rpartition("/")
    stem, dot, _ = base.partition(".")
    return f"{folder}/{stem}" if dot and stem else None


def _read_record(path: Path, begin: int) -> object:
    """Return the record that begins at a byte, its image as a source that reads it from the archive."""
    first: str | None = None
    row: object = None
    caption: str | None = None
    images: list[Source] = []
    for member in _members(path, begin):
        key = _key(member.name)
        if first is None:
            first = key
        elif key != first:
            break
        if not member.isreg():
            continue
        if is_image_name(member.name):
            name = printable(f"{path.name}/{member.name}")
            images.append(Source(name, partial(_open_image, path, member.offset_data, member.size, name)))
        elif member.name.endswith(".json"):
            row = _json(_content(path, member))
        elif member.name.endswith(".txt"):
            caption = _text(_content(path, member))
    return _record(row, caption, images, first or "")


def _record(row: object, caption: str | None, images: list[Source], key: str) -> object:
    if row is not None and not isinstance(row, dict):
        return DataError("Its .json file holds no object.")
    facts: dict[str, object] = {**row} if row else {}  # pyright: ignore[reportUnknownVariableType]
    if "conversations" not in facts:
        if caption is None:
            return DataError("It has neither 'conversations' in a .json file nor a caption in a .txt file.")
        # What image–caption sets keep in .json beside the caption is none of a record's business.
        facts = {"conversations": [{"from": "human", "value": TAG}, {"from": "gpt", "value": caption}]}
    facts.pop("images", None)
    return {"id": key.lstrip("/"), **facts, "image": images}


def _content(path: Path, member: tarfile.TarInfo) -> bytes:
    if member.size > MAX_RECORD_BYTES:
        raise DataError(f"Its file '{member.name}' is larger than {MAX_RECORD_BYTES // 2**20} MiB.")
    return _read(path, member.offset_data, member.size)


def _read(path: Path, begin: int, size: int) -> bytes:
    with open_file(path) as file:
        file.seek(begin)
        content = file.read(size)
    if len(content) != size:
        raise DataError(f"The shard '{path}' is cut off.", "Fetch the shard again.")
    return content


def _open_image(path: Path, begin: int, size: int, name: str) -> ImageRef:
    check_bytes(size, name)
    return encoded_ref(_read(path, begin, size), name)


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"Its .json file is not JSON: {error}.") from error


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DataError("Its .txt file is not UTF-8.") from error
