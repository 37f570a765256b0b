"""WebDataset shards: tar archives of images, read in one pass, nothing written to disk.

The archive's own claims are not believed: members are bounded, only regular files are read, and their paths are
names and nothing else. Python's tarfile takes a damaged header for the end of the archive, and a missing end for
a proper one; here both are said.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from visionlaw.errors import DataError
from visionlaw.features.formats import is_image_name
from visionlaw.features.images import check_bytes, open_file
from visionlaw.features.sources.source import Source, bad_source, encoded_source
from visionlaw.guard import describe_error

SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz")

_MAX_HEADER = 2**20  # of the headers that hold long names and attributes, which tarfile reads at once
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_REPAIR = "Fetch the shard again."


def is_shard(path: str | Path) -> bool:
    """Whether a path is named like a tar shard."""
    return str(path).lower().endswith(SHARD_SUFFIXES)


def shard_sources(path: Path, name: str) -> Iterator[Source]:
    """Yield the images of a shard in their order, one at a time in memory.

    A member that is no regular file, or too large, and the place where the shard is damaged become sources that
    cannot be opened; what follows damage is lost.

    Args:
        path: The archive, plain or gzip whatever its suffix.
        name: What the names of its images begin with.
    """
    at = name
    try:
        with ExitStack() as stack:
            stream = _open_stream(path, stack)
            archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r:", tarinfo=Member))
            while (member := archive.next()) is not None:
                vars(archive)["members"] = []  # tarfile would remember every member
                if is_image_name(member.name):
                    at = f"{name}/{member.name}"
                    yield _member_source(archive, member, at)
                at = name
            while stream.read(2**16):  # gzip compares its checksum when it comes to its end
                pass
    except DataError as error:
        yield bad_source(at, error)
    except Exception as error:  # noqa: BLE001  tarfile and gzip raise anything on broken bytes
        yield bad_source(at, DataError(f"The shard '{path}' is damaged: {describe_error(error)}.", _REPAIR))


def _open_stream(path: Path, stack: ExitStack) -> io.BufferedIOBase:
    file = stack.enter_context(open_file(path))
    compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return stack.enter_context(gzip.GzipFile(fileobj=file)) if compressed else file


def _member_source(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Source:
    if not member.isreg() or member.issparse():
        return bad_source(name, DataError(f"'{name}' is not a regular file in its archive.", "Pack the file itself."))
    try:
        check_bytes(member.size, name)
    except DataError as error:
        return bad_source(name, error)
    file = archive.extractfile(member)
    assert file is not None  # noqa: S101  regular files have content
    return encoded_source(name, file.read())


class Member(tarfile.TarInfo):
    """A member whose header is refused where tarfile would end the archive without a word, or read without bounds."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the member of a header, as :meth:`tarfile.TarInfo.frombuf`; raise ``ReadError`` for a bad one."""
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends without the mark of its end, so that images may be missing")
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not any(buf):  # the mark of the end
                raise
            raise tarfile.ReadError(f"a header is broken ({error}), so that the rest is lost") from error
        if member.size < 0 or (member.type in _HEADERS and member.size > _MAX_HEADER):
            raise tarfile.ReadError(f"a header claims {member.size:,} bytes, so that the rest is lost")
        return member
