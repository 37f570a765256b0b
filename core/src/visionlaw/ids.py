"""The id grammar: how an encoder, and a combination of encoders, is named.

::

    encoder      prefix/name@resolution[?option=value[&option=value…]]     clip/vit-l-14@336?layer=-2
    combination  encoder + encoder [+ encoder…]                            clip/vit-l-14@224 + dinov2/large@224

``prefix`` is the encoder family (the entry point's name), ``name`` may itself contain ``/``, ``resolution`` is the
input side in pixels, options change the features. Anything else (scorers, samplers, data sets…) is named by a plain
word or ``prefix/name``, with options in the same form. Ids are compared exactly; nothing is ever guessed from a part
of an id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from visionlaw.errors import InvalidIdError

PREFIX_PATTERN = r"[a-z0-9][a-z0-9_.\-]*"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.:\-]*(?:/[A-Za-z0-9][A-Za-z0-9_.:\-]*)*"
ENCODER_PATTERN = rf"{PREFIX_PATTERN}/{NAME_PATTERN}@[1-9][0-9]*"
"""An encoder's id, without options."""
WORD_PATTERN = rf"{PREFIX_PATTERN}(?:/{NAME_PATTERN})?"
"""The id of anything else."""

PLUS = " + "

_ENCODER = re.compile(ENCODER_PATTERN)
_OPTION = re.compile(r"(?P<key>[a-z][a-z0-9_]*)=(?P<value>[^=&?+\s]+)")


@dataclass(frozen=True)
class Reference:
    """A name with its options, as typed: ``base`` is an id, an alias or a published name.

    Attributes:
        base: Everything before ``?``.
        options: The options after ``?``, values still text, keys in sorted order.
    """

    base: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        if not self.options:
            return self.base
        return self.base + "?" + "&".join(f"{k}={v}" for k, v in sorted(self.options.items()))


def parse_reference(text: str) -> Reference:
    """Split ``base?option=value&…``.

    Raises:
        InvalidIdError: Empty text, white space inside, a malformed or repeated option.
    """
    base, question, query = text.strip().partition("?")
    if not base or re.search(r"\s|\+", base):
        raise InvalidIdError(f"'{text}' is not an id.", "Ids look like 'clip/vit-l-14@224' or 'a/b@224 + c/d@224'.")
    options: dict[str, str] = {}
    for part in query.split("&") if question else ():
        match = _OPTION.fullmatch(part)
        if match is None:
            raise InvalidIdError(f"'{part}' in '{text}' is not an option.", "Options look like '?layer=-2&t=1'.")
        if match["key"] in options:
            raise InvalidIdError(f"'{text}' gives the option '{match['key']}' twice.", "Give it once.")
        options[match["key"]] = match["value"]
    return Reference(base, dict(sorted(options.items())))


def parse_representation(text: str) -> tuple[Reference, ...]:
    """Split a representation, ``a`` or ``a + b``, into the references of its encoders, in the order given.

    Raises:
        InvalidIdError: A part is empty or malformed, or the same encoder is named twice.
    """
    if not all(part.strip() for part in text.split("+")):
        raise InvalidIdError(f"'{text}' has an empty part.", "Write 'a/b@224 + c/d@224'.")
    parts = tuple(parse_reference(part) for part in text.split("+"))
    seen: set[Reference | str] = set()
    for part in parts:
        if str(part) in seen:
            raise InvalidIdError(f"'{text}' names '{part}' twice.", "Combine different encoders.")
        seen.add(str(part))
    return parts


def split_representation(text: str) -> tuple[str, ...]:
    """Return the encoders of a canonical representation, as :func:`join_representation` joined them."""
    return tuple(text.split(PLUS))


def join_representation(parts: tuple[str, ...]) -> str:
    """Return the canonical text of a representation: its encoders joined by `` + ``."""
    return PLUS.join(parts)


def is_encoder_id(text: str) -> bool:
    """Whether ``text`` is a complete encoder id ``prefix/name@resolution``, without options."""
    return _ENCODER.fullmatch(text) is not None


def prefix_of(text: str) -> str:
    """Return the family prefix of an id: what stands before the first ``/`` (the whole text if there is none)."""
    return re.split(r"[/@?]", text, maxsplit=1)[0]


def resolution_of(encoder_id: str) -> int:
    """Return the input side in pixels that an encoder id names.

    Raises:
        InvalidIdError: ``encoder_id`` has no ``@resolution``.
    """
    base = parse_reference(encoder_id).base
    if not is_encoder_id(base):
        raise InvalidIdError(f"'{encoder_id}' is not an encoder id.", "Write 'prefix/name@resolution'.")
    return int(base.rpartition("@")[2])
