"""A matrix of real numbers from a MATLAB file of version 5 to 7.2, whatever else the file holds.

Data sets are unpacked from archives that anybody may have packed, and ``scipy.io.loadmat`` is no reader for those: on
damaged bytes it can end the process (segmentation fault, scipy 1.17). This one reads what the annotations need, within
bounds. Source: MathWorks, *MAT-File Format*, "Level 5 MAT-Files".
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from visionlaw.errors import DataError

MAX_UNPACKED_BYTES = 2**22
"""Of one variable."""

_HEADER_BYTES = 128
_UINT32, _MATRIX, _COMPRESSED = 6, 14, 15
_CODES = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
"""Types in which numbers are stored, which may be smaller than that of the matrix, as struct's codes."""

_NUMERIC = range(6, 16)
"""Classes of matrices: double, single, and integers of either sign of 8 to 64 bits."""

_NAMED = range(1, 16)
"""Classes that have dimensions and a name where matrices have them."""

_COMPLEX = 0x0800


@dataclass(frozen=True)
class Matrix:
    """A matrix of real numbers.

    Attributes:
        shape: Two or more lengths.
        values: Column by column.
    """

    shape: tuple[int, ...]
    values: tuple[float, ...]


def read_matrix(content: bytes, name: str) -> Matrix | None:
    """Return a variable of a MATLAB file; None if the file has none of that name.

    Raises:
        DataError: The content is not that of such a file, is damaged, or the variable is no matrix of real numbers;
            the message does not name the file.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER_BYTES])
    if order is None:
        raise DataError("It is not a MATLAB file of version 5 to 7.2.")
    if struct.unpack(f"{order}H", content[124:126])[0] != 0x0100:
        raise DataError("It is a MATLAB file of another version than 5 to 7.2.")
    for kind, payload in _elements(content[_HEADER_BYTES:], order):
        inner = _elements(_unpack(payload), order) if kind == _COMPRESSED else [(kind, payload)]
        for inner_kind, body in inner:
            found = _parse_matrix(body, order, name.encode()) if inner_kind == _MATRIX else None
            if found is not None:
                return found
    return None


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of the data elements that lie one behind the other."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise _damaged()
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:  # four bytes or fewer, between the type and the next element
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            at += 8
        else:
            at += 8 + (size if kind == _COMPRESSED else -(-size // 8) * 8)
        if start + size > min(len(data), at):
            raise _damaged()
        yield kind, data[start : start + size]


def _unpack(data: bytes) -> bytes:
    try:
        content = zlib.decompressobj().decompress(data, MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise _damaged() from error
    if len(content) > MAX_UNPACKED_BYTES:
        raise DataError(f"It has a variable of more than {MAX_UNPACKED_BYTES // 2**20} MiB.")
    return content


def _parse_matrix(body: bytes, order: str, name: bytes) -> Matrix | None:
    """Return the matrix if it bears the name."""
    parts = _elements(body, order)
    kind, flags = next(parts, (0, b""))
    if kind != _UINT32 or len(flags) != 8:
        raise _damaged()
    bits = struct.unpack(f"{order}II", flags)[0]
    if bits & 0xFF not in _NAMED:
        return None
    shape = _numbers(*next(parts, (0, b"")), order)
    if next(parts, (0, b""))[1] != name:
        return None
    if bits & 0xFF not in _NUMERIC or bits & _COMPLEX:
        raise DataError(f"Its variable '{name.decode()}' is no matrix of real numbers.")
    values = _numbers(*next(parts, (0, b"")), order)
    if any(length < 0 for length in shape) or math.prod(shape) != len(values):
        raise _damaged()
    return Matrix(tuple(map(int, shape)), tuple(map(float, values)))


def _numbers(kind: int, data: bytes, order: str) -> tuple[float, ...]:
    code = _CODES.get(kind)
    if code is None or len(data) % struct.calcsize(code):
        raise _damaged()
    return struct.unpack(f"{order}{len(data) // struct.calcsize(code)}{code}", data)


def _damaged() -> DataError:
    return DataError("It is a MATLAB file that is damaged.")
