"""Who computes what: claims in the index, each of a process that proves by a lock that it is alive.

A process that claims holds a lock on a file of its own; the operating system releases it when the process ends,
however it dies. Who finds a claim whose owner's file can be locked takes it over. So there is nothing to expire, and
nobody waits for the dead.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from visionlaw.atomic import ABANDONED_SECONDS
from visionlaw.features.cache.locks import try_lock, unlock

SUFFIX = ".lock"


class _Owners:
    """The lock files that this process holds, one per cache however many objects use it."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.held: dict[Path, tuple[str, int]] = {}

    def of(self, claims: Path) -> str:
        """Return this process's name among the claimants of a cache, and make sure that its file is locked."""
        with self.guard:
            if claims in self.held:
                name, file = self.held[claims]
                if os.fstat(file).st_nlink:
                    return name
                os.close(self.held.pop(claims)[1])  # somebody has deleted the cache under us
            claims.mkdir(parents=True, exist_ok=True)
            name = os.urandom(8).hex()
            file = try_lock(claims / f"{name}{SUFFIX}", create=True)
            assert file is not None  # noqa: S101  nobody else knows the name yet
            self.held[claims] = (name, file)
            return name

    def end(self) -> None:
        """Give all claims of this process up."""
        with self.guard:
            for claims, (name, file) in self.held.items():
                with contextlib.suppress(OSError):
                    unlock(file)
                    (claims / f"{name}{SUFFIX}").unlink(missing_ok=True)
            self.held.clear()

    def forget(self) -> None:
        """In a forked child: the parent's locks are not ours, and must end with it."""
        self.guard = threading.Lock()
        for _, file in self.held.values():
            with contextlib.suppress(OSError):
                os.close(file)
        self.held.clear()


_owners = _Owners()
atexit.register(_owners.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_owners.forget)


def owner_of(folder: Path) -> str:
    """Return this process's name among the claimants of a cache; the same until it ends.

    Raises:
        OSError: The cache cannot be written to.
    """
    return _owners.of((folder / "claims").resolve())


def take(
    connection: sqlite3.Connection, folder: Path, owner: str, encoder: str, images: Iterable[str]
) -> frozenset[str]:
    """Claim images, within a transaction; return those that no other living process has claimed."""
    dead: set[str] = set()
    alive: set[str] = {owner}
    taken: set[str] = set()
    for image in images:
        key = (encoder, image)
        row = connection.execute("SELECT owner FROM claims WHERE encoder = ? AND image = ?", key).fetchone()
        if row is not None and row[0] not in alive | dead:
            (alive if _is_alive(folder, row[0]) else dead).add(row[0])
        if row is None or row[0] == owner or row[0] in dead:
            connection.execute("INSERT OR REPLACE INTO claims (encoder, image, owner) VALUES (?, ?, ?)", (*key, owner))
            taken.add(image)
    for name in dead:
        connection.execute("DELETE FROM claims WHERE owner = ?", (name,))
    return frozenset(taken)


def drop(connection: sqlite3.Connection, owner: str, encoder: str, images: Iterable[str]) -> None:
    """End claims of this process, within a transaction."""
    rows = [(encoder, image, owner) for image in images]
    connection.executemany("DELETE FROM claims WHERE encoder = ? AND image = ? AND owner = ?", rows)


def sweep(folder: Path, now: float) -> None:
    """Remove the files of processes that died an hour ago or longer."""
    for path in _lock_files(folder):
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > ABANDONED_SECONDS and not _is_alive(folder, path.stem):
                path.unlink()


def _is_alive(folder: Path, owner: str) -> bool:
    if not owner.isalnum():  # damaged; must not name a file elsewhere
        return False
    try:
        file = try_lock(folder / "claims" / f"{owner}{SUFFIX}", create=False)
    except OSError:
        return False
    if file is not None:
        unlock(file)
    return file is None


def _lock_files(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (folder / "claims").glob(f"*{SUFFIX}")
