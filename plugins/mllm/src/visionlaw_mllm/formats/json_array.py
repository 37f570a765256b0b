"""Finding the elements of a JSON array that is too large to be parsed at once."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from pathlib import Path

from visionlaw.errors import DataError

MAX_RECORD_BYTES = 2**24
SPACE = " \t\r\n"
DIGITS, ENDS = "0123456789", f"{SPACE},]"


def scan_array(head: bytes, chunks: Iterator[bytes], begin: int, path: Path) -> array[int]:
    """Return where the elements of an array begin, and where it ends, having parsed one element at a time.

    Bytes are taken for Latin-1, in which a character is a byte: places in the text are places in the file, and the
    signs that JSON is made of are those of UTF-8.

    Args:
        head: The first bytes.
        chunks: The others.
        begin: Place of the first byte in the file.
        path: Named in errors.

    Raises:
        DataError: It is no JSON array, it breaks off, or something follows it.
    """
    text = _Text(head, chunks, begin)
    starts, whole = array("Q"), 0
    try:
        text.take("[")
        while not text.take("]"):
            if starts and not text.take(","):
                raise ValueError("a comma is missing" if text.sign() else "the file breaks off")
            text.sign()
            starts.append(text.place)
            text.pass_value()
            whole += 1
        starts.append(text.place)
        if text.sign():
            raise ValueError("something follows the array")
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"'{path}' is not a JSON array: at byte {text.place:,}, after {whole:,} whole records, {error}.",
            "Fetch the file again.",
        ) from error
    return starts


class _Text:
    """A window of a file's text that moves on over it."""

    def __init__(self, head: bytes, chunks: Iterator[bytes], begin: int) -> None:
        self._text = head.decode("latin-1")
        self._chunks = chunks
        self._begin = begin
        self._at = 0
        self._decoder = json.JSONDecoder()

    @property
    def place(self) -> int:
        """Where in the file it stands."""
        return self._begin + self._at

    def sign(self) -> str:
        """Pass over white space, and return what follows it; empty at the end."""
        while True:
            rest = len(self._text)
            while self._at < rest and self._text[self._at] in SPACE:
                self._at += 1
            if self._at < rest or not self._read(1):
                return self._text[self._at : self._at + 1]

    def take(self, sign: str) -> bool:
        """Pass over a sign, if it is the next."""
        found = self.sign() == sign
        self._at += found
        return found

    def pass_value(self) -> None:
        """Pass over one JSON value.

        Raises:
            ValueError: There is none, or it is too large.
        """
        while True:
            held, end, reason = len(self._text) - self._at, -1, ""
            try:
                end = self._decoder.raw_decode(self._text, self._at)[1]
            except json.JSONDecodeError as error:
                reason = error.msg
            # What ends with the window may go on behind it, as a number does: 1 may be the begin of 1.5, or of 1e3.
            if -1 < end < len(self._text) and (self._text[end - 1] not in DIGITS or self._text[end] in ENDS):
                break
            if held > MAX_RECORD_BYTES:
                raise ValueError(f"there is no JSON value of at most {MAX_RECORD_BYTES // 2**20} MiB")
            if not self._read(max(1, held)):
                if end < 0:
                    raise ValueError(f"what begins there is broken or cut off ({reason})")
                break
        self._at = end

    def _read(self, size: int) -> bool:
        """Read at least this many bytes more, and let go of what has been passed; False at the end."""
        parts, got = [self._text[self._at :]], 0
        self._begin, self._at = self.place, 0
        while got < size and (chunk := next(self._chunks, b"")):
            parts.append(chunk.decode("latin-1"))
            got += len(chunk)
        self._text = "".join(parts)
        return got > 0
