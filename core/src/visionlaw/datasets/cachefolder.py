"""Where what has been read of data sets is kept between runs, and files there that may be lost or damaged any time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from visionlaw import atomic

ENVIRONMENT = "VISIONLAW_CACHE"
_MAX_BYTES = 2**31


def cache_folder() -> Path:
    """Return the folder of the data sets' indexes: below ``$VISIONLAW_CACHE``, or the user's cache folder.

    It may be deleted at any time: indexes are built again.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named).expanduser() / "datasets"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("visionlaw", appauthor=False)) / "datasets"


def key_of(*parts: object) -> str:
    """Return a file name's stem for what the parts, JSON values, identify."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def save(key: str, valid: str, content: Any) -> None:
    """Keep JSON values, in one step; where the folder cannot be written to, nothing is kept and nothing is said.

    Args:
        key: As :func:`key_of` gives.
        valid: A text of one line that has to be the same for the content to be used again.
        content: JSON values.
    """
    body = json.dumps(content, separators=(",", ":")).encode()
    head = json.dumps([valid, hashlib.sha256(body).hexdigest()]).encode()
    folder = cache_folder()
    with contextlib.suppress(OSError):
        atomic.write_bytes(folder / f"{key}.json", head + b"\n" + body)
        atomic.sweep(folder)


def load(key: str, valid: str) -> Any:
    """Return what :func:`save` kept; None if there is none, it is damaged, or was valid for something else."""
    try:
        path = cache_folder() / f"{key}.json"
        if path.stat().st_size > _MAX_BYTES:
            return None
        with path.open("rb") as file:
            said, digest = json.loads(file.readline())
            if said != valid:
                return None
            body = file.read()
        return json.loads(body) if hashlib.sha256(body).hexdigest() == digest else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
