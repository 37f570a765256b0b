"""The index's file: opening it, its transactions, and its repair."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from visionlaw.atomic import PREFIX
from visionlaw.errors import DataError
from visionlaw.features.cache import records
from visionlaw.features.cache.headers import encoder_folders
from visionlaw.features.cache.locks import waiting_lock

NAME = "index.sqlite"
BUSY_SECONDS = 30
REPAIR_SECONDS = 600  # a large cache on a slow disk takes minutes to be read
FLUSH_SECONDS = 30

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
_FileId = tuple[int, int]

_NOT_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}


# All calls of SQLite, of all indexes of the process. A fork waits for it: in the middle of a call SQLite holds locks of
# its own, which nobody in the child would ever release.
_guard = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release)


@dataclass
class _Session:
    """What one process has open. A fork must not share it."""

    pid: int = field(default_factory=os.getpid)
    connection: sqlite3.Connection | None = None
    file: _FileId | None = None
    used: dict[str, float] = field(default_factory=dict[str, float])
    flushed: float = field(default_factory=time.monotonic)


class Index:
    """The index of a cache; safe for threads, processes and forks.

    Args:
        folder: That of the cache.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self.repaired = False
        """Whether an index that was damaged or missing has been built anew here."""
        self._session = _Session()
        self._inherited: list[_Session] = []

    def read(self, work: Work[T]) -> T | None:
        """Return what ``work`` finds in the index; None where there is no cache, or one that cannot be read."""
        with contextlib.suppress(OSError, sqlite3.Error):
            return self._healing(work, writes=False)
        return None

    def write(self, work: Work[T]) -> T:
        """Run ``work`` as one transaction, after which all or nothing of it is done, and return what it returns.

        It may run twice, where the index is found to be damaged the first time.

        Raises:
            DataError: The disk is full, the folder cannot be written to, or another process keeps the index busy.
        """
        try:
            done = self._healing(lambda connection: (work(connection),), writes=True)
        except (OSError, sqlite3.Error) as error:
            raise cannot_write(self.folder, error) from error
        assert done is not None  # noqa: S101  a missing index is made
        return done[0]

    def used(self, shard: str) -> None:
        """Remember that a shard was read; it is written with the next transaction, or after half a minute."""
        session = self._current()
        with _guard:
            session.used[shard] = time.time()
            due = time.monotonic() - session.flushed > FLUSH_SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Write when shards were read; where that cannot be written, it is not worth an error."""
        session = self._current()
        with _guard:
            session.flushed = time.monotonic()
            if session.used and session.connection is not None:
                with contextlib.suppress(DataError):
                    self.write(lambda _: True)
                session.used.clear()

    def close(self) -> None:
        """Flush, and close the file; the index can be used again."""
        if self._session.pid == os.getpid():
            self.flush()
            with _guard:
                self._disconnect(self._session)

    def shrink(self) -> None:
        """Give the room of what was removed from the index back to the disk, unless others are using it."""
        session = self._current()
        with _guard, contextlib.suppress(OSError, sqlite3.Error):
            connection = self._connect(session, create=False)
            if connection is not None:
                connection.execute("VACUUM")

    def is_sound(self) -> bool:
        """Tell whether the file is whole, which reads all of it; one that is missing is."""
        try:
            found = self._healing(lambda c: c.execute("PRAGMA integrity_check(1)").fetchone()[0], writes=False)
        except (OSError, sqlite3.Error):
            return False
        return found in (None, "ok")

    def rebuild(self) -> None:
        """Build the index anew from the shards. Claims are lost: what others compute may be computed twice.

        Raises:
            DataError: The folder cannot be written to.
        """
        session = self._current()
        try:
            with _guard, self._repairing():
                self._disconnect(session)
                self._build()
        except (OSError, sqlite3.Error) as error:
            raise cannot_write(self.folder, error) from error

    def _healing(self, work: Work[T], writes: bool) -> T | None:
        """Run ``work``; where the file turns out to be damaged, build it anew and run ``work`` again."""
        session = self._current()
        with _guard:
            try:
                return self._run(session, work, writes)
            except sqlite3.DatabaseError as error:
                if _is_no_damage(error):
                    raise
                bad = session.file
                self._disconnect(session)
            with self._repairing():
                if bad is None or _file_id(self.path) == bad:  # else somebody has repaired it meanwhile
                    self._build()
            return self._run(session, work, writes)

    def _run(self, session: _Session, work: Work[T], writes: bool) -> T | None:
        connection = self._connect(session, create=writes)
        if connection is None:
            return None
        if not writes:
            return work(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            records.touch(connection, session.used)
            done = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        session.used.clear()
        session.flushed = time.monotonic()
        return done

    def _current(self) -> _Session:
        """Return this process's session; one that came by a fork is neither used nor closed, as SQLite demands."""
        if self._session.pid != os.getpid():
            self._inherited.append(self._session)
            self._session = _Session()
        return self._session

    def _connect(self, session: _Session, create: bool) -> sqlite3.Connection | None:
        """Return the connection to the file that is there now, which may have been replaced or deleted."""
        file = _file_id(self.path)
        if session.connection is not None and file == session.file:
            return session.connection
        self._disconnect(session)
        if not create and file is None and next(encoder_folders(self.folder), None) is None:
            return None
        if not create and not os.access(self.folder, os.W_OK):
            session.connection, session.file = open_unwritable(self.path), file
            return session.connection
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._repairing():
            if _file_id(self.path) is None or not _is_ours(self.path):
                self._build()
            session.connection, session.file = _open(self.path), _file_id(self.path)
        return session.connection

    def _disconnect(self, session: _Session) -> None:
        if session.connection is not None:
            with contextlib.suppress(sqlite3.Error):
                session.connection.close()
        session.connection = session.file = None

    def _repairing(self) -> contextlib.AbstractContextManager[None]:
        """Keep others from opening or building the file."""
        return waiting_lock(self.folder / "index.lock", REPAIR_SECONDS)

    def _build(self) -> None:
        """Put a new index in the place of what is there. Who has the old one open notices with its next access."""
        temporary = self.folder / f"{PREFIX}{os.urandom(8).hex()}"
        try:
            with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.executescript(
                    f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {records.SCHEMA}"
                )
                connection.execute(f"PRAGMA user_version = {records.VERSION}")
                records.adopt(connection, self.folder)
                self.repaired |= self.path.exists() or bool(records.shard_names(connection))
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            for suffix in ("-wal", "-shm"):  # they belong to the old file and must not be applied to the new one
                self.path.with_name(NAME + suffix).unlink(missing_ok=True)
            temporary.replace(self.path)
        finally:
            for leftover in (temporary, *(temporary.with_name(temporary.name + s) for s in ("-wal", "-shm"))):
                leftover.unlink(missing_ok=True)


def cannot_write(folder: Path, error: OSError | sqlite3.Error) -> DataError:
    """Return the error that says why features cannot be kept.

    Going on without the cache would lose hours of work at the first interruption, so that is not done silently.
    """
    if isinstance(error, TimeoutError) or _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        reason = error.strerror if isinstance(error, OSError) else f"another process keeps it busy for {BUSY_SECONDS} s"
        return DataError(f"Features cannot be written to '{folder}': {reason}.", "Run the command again later.")
    reason = error.strerror if isinstance(error, OSError) else None
    return DataError(
        f"Features cannot be written to '{folder}': {reason or error}.",
        "Free some space there, or run in a folder that you can write to; what was finished is kept.",
    )


def _open(path: Path) -> sqlite3.Connection:
    # autocommit: transactions are begun by hand, IMMEDIATE, so that what they have read cannot change under them.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # No commit waits for the disk: what a power cut takes can be computed again.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def open_unwritable(path: Path) -> sqlite3.Connection:
    """Open an index to be read only, which leaves it and its folder as they are."""
    # A write-ahead log needs a writable folder even to be read, unless SQLite knows that nobody writes.
    pending = path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.absolute()))}?mode=ro{'' if pending else '&immutable=1'}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _is_ours(path: Path) -> bool:
    """Tell whether a file is an index of this version."""
    try:
        with contextlib.closing(_open(path)) as connection:
            return connection.execute("PRAGMA user_version").fetchone()[0] == records.VERSION
    except sqlite3.DatabaseError as error:
        if _is_no_damage(error):
            raise
        return False


def _is_no_damage(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.ProgrammingError) or _code(error) in _NOT_DAMAGE


def _code(error: BaseException) -> int:
    extended: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return extended & 0xFF


def _file_id(path: Path) -> _FileId | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
