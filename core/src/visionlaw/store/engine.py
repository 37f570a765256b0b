"""The database behind the store: opening it, its transactions, and its failures in plain words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from visionlaw import __version__
from visionlaw.errors import StoreError
from visionlaw.store.schema import SCHEMA_VERSION, Base, Meta

BUSY_SECONDS = 30
WRITES = "visionlaw_writes"
WRITERS_LOCK = 0x7669736C6177
ELSEWHERE = "Move it away, or use another file or database URL."


def sqlite_path(location: str | Path) -> Path | None:
    """Return the file of an SQLite location; None for a database in memory or of another kind.

    Raises:
        StoreError: ``location`` looks like a URL and is none.
    """
    if isinstance(location, Path) or "://" not in location:
        return Path(location).expanduser()
    url = _url(location)
    if url.get_backend_name() != "sqlite" or _in_memory(url) or url.query:
        return None
    return Path(url.database or "").expanduser()


def display_name(location: str | Path) -> str:
    """Name a location in messages, without its password."""
    if isinstance(location, Path) or "://" not in location:
        return str(location)
    return _url(location).render_as_string(hide_password=True)


def connect(location: str | Path, create: bool) -> Engine:
    """Return an engine for a location; nothing is read or written yet, except that a missing folder is made.

    SQLite waits up to 30 s for another writer, enforces foreign keys, and takes the write lock when a writing
    transaction begins, so that what a transaction has read cannot change under it. A file that is opened to
    be read only and lies in a place that cannot be written is opened as it stands.

    Raises:
        StoreError: The URL is malformed, its driver is not installed, or the folder cannot be made.
    """
    path = sqlite_path(location)
    if path is not None:
        return _connect_file(path, create)
    try:
        url = _url(str(location))
        if url.get_backend_name() != "sqlite":
            engine = create_engine(url, pool_pre_ping=True)
            if url.get_backend_name() == "postgresql":
                event.listen(engine, "begin", _one_writer)
            return engine
        # A database in memory lives as long as its one connection.
        pool = StaticPool if _in_memory(url) else NullPool
        options = {"check_same_thread": False, "isolation_level": None}
        engine = create_engine(url, poolclass=pool, connect_args=options)
        _prepare_sqlite(engine)
        return engine
    except (ArgumentError, ImportError) as error:
        raise StoreError(
            f"The store '{display_name(location)}' cannot be opened: {_first_line(error)}.",
            "Install the database's Python driver, such as 'pip install psycopg' for 'postgresql+psycopg://…'.",
        ) from error


def prepare_schema(engine: Engine, create: bool, name: str) -> bool:
    """Check the schema's version, and make the tables where there are none; return whether they are there.

    Raises:
        StoreError: The store follows another schema, or the database belongs to something else.
    """
    with failures_in_words(name), engine.connect() as connection:
        version = _stored_version(connection, name)
    if version is None and create:
        with failures_in_words(name):
            with engine.execution_options(**{WRITES: True}).begin() as connection:
                # Another process may have made the tables since we looked; now we hold the write lock.
                if _stored_version(connection, name) is None:
                    Base.metadata.create_all(connection)
                    connection.execute(
                        Meta.__table__.insert().values(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
                            schema_version=SCHEMA_VERSION, created_by=f"visionlaw {__version__}"
                        )
                    )
            _use_write_ahead_log(engine)
        return True
    if version is not None and version != SCHEMA_VERSION:
        raise _other_schema(engine, version, name)
    return version is not None


def _other_schema(engine: Engine, version: int, name: str) -> StoreError:
    with failures_in_words(name), engine.connect() as connection:
        author = connection.execute(select(Meta.created_by)).scalar_one()
    remedy = "Upgrade with 'python -m pip install --upgrade visionlaw'."
    if version < SCHEMA_VERSION:
        remedy = f"It is too old to be read: use it with {author}, or move it away to begin another."
    return StoreError(
        f"The store '{name}', made by {author}, follows schema {version}; this visionlaw ({__version__}) reads schema "
        f"{SCHEMA_VERSION}. Nothing was changed.",
        remedy,
    )


@contextmanager
def failures_in_words(name: str) -> Generator[None]:
    """Turn a database's failure into a :class:`StoreError` of one sentence with its remedy."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _in_words(error, name) from error


def _in_words(error: Exception, name: str) -> StoreError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause)
    if isinstance(error, IntegrityError) and "foreign key" in text.casefold():
        return StoreError(
            f"A row refers to a run or a study that the store '{name}' does not hold; nothing was stored.",
            "Start the run with start_run() in the same store.",
        )
    if isinstance(error, IntegrityError):
        return StoreError(
            f"Another process stored the same thing in '{name}' at the same moment.", "Repeat the command."
        )
    if "disk is full" in text:
        return StoreError(
            f"The disk that holds the store '{name}' is full; the last change was not stored.",
            "Free some space and repeat the command.",
        )
    if "not a database" in text or "malformed" in text:
        return StoreError(f"The store '{name}' is damaged, or it is not a database.", ELSEWHERE)
    if "readonly" in text or "unable to open" in text:
        return StoreError(
            f"The store '{name}' cannot be opened for writing.",
            "Check the permissions of the file and of its folder, or keep the store elsewhere.",
        )
    if "locked" in text:
        return StoreError(
            f"Another process has kept the store '{name}' busy for {BUSY_SECONDS} s.",
            "Repeat the command later.",
        )
    if "disk I/O error" in text:
        return StoreError(
            f"The disk that holds the store '{name}' failed; the last change was not stored.",
            "Check the disk and its quota, then repeat the command.",
        )
    return StoreError(f"The store '{name}' failed: {_first_line(cause)}.", ELSEWHERE)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _url(location: str) -> URL:
    try:
        return make_url(location)
    except (ArgumentError, ValueError):
        raise StoreError(
            "The place of the store is not a database URL.",  # Not shown: it may hold a password.
            "Write a path, or a URL such as 'postgresql+psycopg://user@host/database'.",
        ) from None  # The cause may show the password in a traceback.


def _in_memory(url: URL) -> bool:
    return not url.database or url.database == ":memory:"


def _connect_file(path: Path, create: bool) -> Engine:
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder '{path.parent}' of the store cannot be made: {error.strerror}.",
                "Check its permissions, or keep the store elsewhere.",
            ) from error
    address = f"file:{quote(str(path.absolute()))}?mode={'rwc' if create else _reading_mode(path)}"

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    # No pool: a connection lives as long as a transaction, so nothing is left open across a fork or a crash.
    engine = create_engine("sqlite://", creator=open_file, poolclass=NullPool)
    _prepare_sqlite(engine)
    return engine


def _reading_mode(path: Path) -> str:
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return "rw"
    # A write-ahead log needs a writable folder even to be read, unless SQLite knows that nobody writes.
    pending = path.with_name(path.name + "-wal").exists()
    return "ro" if pending else "ro&immutable=1"


def _prepare_sqlite(engine: Engine) -> None:
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    def begun(connection: Connection) -> None:
        # sqlite3 itself would begin late and not at all before DDL; IMMEDIATE takes the write lock at once.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _one_writer(connection: Connection) -> None:
    """Make writers on PostgreSQL wait for each other, as SQLite does: what a transaction has read stays true."""
    if connection.get_execution_options().get(WRITES, False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")


def _use_write_ahead_log(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        # The mode can't change while another process is inside; the store is right without it, only slower.
        with suppress(sqlite3.OperationalError):
            connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _stored_version(connection: Connection, name: str) -> int | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if Meta.__tablename__ not in tables:
        raise StoreError(f"'{name}' is the database of something else, not a visionlaw store.", ELSEWHERE)
    version = connection.execute(select(Meta.schema_version)).scalar()
    if version is None:
        raise StoreError(f"The store '{name}' does not say which schema it follows.", ELSEWHERE)
    return version
