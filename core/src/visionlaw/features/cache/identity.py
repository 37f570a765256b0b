"""What features are named by in the cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from visionlaw.libraries import spec_digest
from visionlaw.protocols import EncoderRef

FORMAT = 2  # Counts up when shards, or what core's own preprocessing returns, change.


@dataclass(frozen=True)
class Identity:
    """An encoder with all that its features depend on.

    Attributes:
        text: Canonical JSON: the exact id, the digest of the spec with its preprocessing and layer, the provenance, and
            the format of the shards.
    """

    text: str

    @property
    def digest(self) -> str:
        """32 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def fields(self) -> dict[str, Any]:
        """What :attr:`text` says: ``format``, ``encoder``, ``spec``, ``provenance``."""
        return json.loads(self.text)


def identify(encoder: EncoderRef) -> Identity:
    """Return the identity of an encoder's features."""
    facts = {
        "format": FORMAT,
        "encoder": encoder.id,
        "spec": spec_digest(encoder.spec),
        "provenance": dict(encoder.provenance),
    }
    return Identity(json.dumps(facts, sort_keys=True))


def image_name(key: str) -> str:
    """Return the name of an image in shards and index: 32 hexadecimal digits, whatever characters its key has."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
