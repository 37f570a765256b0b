"""What the index holds, as statements within a transaction of :class:`visionlaw.features.cache.index.Index`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from visionlaw.features.cache.headers import Header, read_header, shard_path, shard_paths
from visionlaw.features.cache.identity import Identity

VERSION = 1
SCHEMA = """
CREATE TABLE encoders (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, identity TEXT NOT NULL
);
CREATE TABLE shards (
    id INTEGER PRIMARY KEY, encoder INTEGER NOT NULL, name TEXT NOT NULL UNIQUE,
    dtypes TEXT NOT NULL, bytes INTEGER NOT NULL, used_at REAL NOT NULL
);
CREATE INDEX shards_by_use ON shards (used_at, id);
CREATE TABLE entries (
    encoder INTEGER NOT NULL, image TEXT NOT NULL, shard INTEGER NOT NULL, PRIMARY KEY (encoder, image)
) WITHOUT ROWID;
CREATE INDEX entries_by_shard ON entries (shard);
CREATE TABLE claims (
    encoder TEXT NOT NULL, image TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (encoder, image)
) WITHOUT ROWID;
CREATE TABLE total (bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE TRIGGER shard_added AFTER INSERT ON shards BEGIN
    UPDATE total SET bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER shard_removed AFTER DELETE ON shards BEGIN
    UPDATE total SET bytes = bytes - OLD.bytes;
    DELETE FROM entries WHERE shard = OLD.id;
END;
"""
"""The total is kept by triggers, since summing up all shards at every put would cost more than the put."""


@dataclass(frozen=True)
class ShardRef:
    """A shard of an encoder, by the digest of the one and the name of the other."""

    encoder: str
    name: str

    def path(self, folder: Path) -> Path:
        """Return where it is in a cache."""
        return shard_path(folder, self.encoder, self.name)

    @classmethod
    def of(cls, path: Path) -> ShardRef:
        """Return the shard of a path."""
        return cls(path.parent.name, path.stem)


def shard_of(connection: sqlite3.Connection, encoder: str, image: str) -> str | None:
    """Return the name of the shard that holds an image of an encoder."""
    row = connection.execute(
        "SELECT shards.name FROM encoders JOIN entries ON entries.encoder = encoders.id "
        "JOIN shards ON shards.id = entries.shard WHERE encoders.digest = ? AND entries.image = ?",
        (encoder, image),
    ).fetchone()
    return None if row is None else row[0]


def add_shard(connection: sqlite3.Connection, name: str, header: Header, used_at: float) -> list[ShardRef]:
    """Enter a shard, whose images replace those of the same names; return shards that now hold nothing any more.

    A shard that was entered before is entered anew.
    """
    connection.execute("DELETE FROM shards WHERE name = ?", (name,))
    encoder = _encoder_row(connection, header.encoder)
    shard = connection.execute(
        "INSERT INTO shards (encoder, name, dtypes, bytes, used_at) VALUES (?, ?, ?, ?, ?)",
        (encoder, name, " ".join(header.dtypes), header.size, used_at),
    ).lastrowid
    before: set[int] = set()
    for image in header.images:
        before.update(
            row[0]
            for row in connection.execute("SELECT shard FROM entries WHERE encoder = ? AND image = ?", (encoder, image))
        )
    connection.executemany(
        "INSERT OR REPLACE INTO entries (encoder, image, shard) VALUES (?, ?, ?)",
        [(encoder, image, shard) for image in header.images],
    )
    empty = [
        old for old in before if not connection.execute("SELECT 1 FROM entries WHERE shard = ?", (old,)).fetchone()
    ]
    return [ref for old in empty for ref in _remove(connection, old)]


def drop_shard(connection: sqlite3.Connection, shard: str) -> None:
    """Forget a shard and all of its images."""
    connection.execute("DELETE FROM shards WHERE name = ?", (shard,))


def drop_encoder(connection: sqlite3.Connection, encoder: str) -> list[ShardRef]:
    """Forget an encoder; return the shards that it had."""
    row = connection.execute("SELECT id FROM encoders WHERE digest = ?", (encoder,)).fetchone()
    if row is None:
        return []
    names = connection.execute("SELECT name FROM shards WHERE encoder = ?", row).fetchall()
    connection.execute("DELETE FROM shards WHERE encoder = ?", row)
    connection.execute("DELETE FROM encoders WHERE id = ?", row)
    return [ShardRef(encoder, name) for (name,) in names]


def evict(connection: sqlite3.Connection, limit: int, keep: str = "") -> list[ShardRef]:
    """Forget the shards that have not been used for longest, until the rest is no larger than the limit.

    Args:
        connection: Within a transaction.
        limit: In bytes.
        keep: Name of a shard that stays, however large it is.

    Returns:
        The shards that were forgotten and whose files have to be removed, once the transaction is committed.
    """
    forgotten: list[ShardRef] = []
    while connection.execute("SELECT bytes FROM total").fetchone()[0] > limit:
        oldest = connection.execute(
            "SELECT id FROM shards WHERE name != ? ORDER BY used_at, id LIMIT 1", (keep,)
        ).fetchone()
        if oldest is None:
            break
        forgotten += _remove(connection, oldest[0])
    return forgotten


def uses(connection: sqlite3.Connection) -> list[tuple[float, int]]:
    """Return when each shard was last used and its bytes, in the order in which they are evicted."""
    return connection.execute("SELECT used_at, bytes FROM shards ORDER BY used_at, id").fetchall()


def touch(connection: sqlite3.Connection, used: Mapping[str, float]) -> None:
    """Note when shards were used."""
    rows = [(when, shard) for shard, when in used.items()]
    connection.executemany("UPDATE shards SET used_at = max(used_at, ?) WHERE name = ?", rows)


def shard_names(connection: sqlite3.Connection) -> dict[str, ShardRef]:
    """Return all shards by name."""
    rows = connection.execute(
        "SELECT encoders.digest, shards.name FROM shards JOIN encoders ON encoders.id = shards.encoder"
    )
    return {name: ShardRef(digest, name) for digest, name in rows}


def adopt(connection: sqlite3.Connection, folder: Path) -> list[ShardRef]:
    """Enter the shards that lie in the folder and are not in the index: all of them, where it is new.

    Returns:
        Shards that hold nothing any more.
    """
    known = shard_names(connection)
    headers = ((path, read_header(path)) for path in shard_paths(folder) if path.stem not in known)
    found = [(path, header) for path, header in headers if header is not None]
    empty: list[ShardRef] = []
    for path, header in sorted(found, key=lambda pair: pair[1].modified):
        empty += add_shard(connection, path.stem, header, header.modified)
    return empty


def _encoder_row(connection: sqlite3.Connection, encoder: Identity) -> int:
    row = connection.execute("SELECT id FROM encoders WHERE digest = ?", (encoder.digest,)).fetchone()
    if row is not None:
        return row[0]
    added = connection.execute(
        "INSERT INTO encoders (digest, identity) VALUES (?, ?)", (encoder.digest, encoder.text)
    ).lastrowid
    assert added is not None  # noqa: S101  an INSERT into a table with row ids has one
    return added


def _remove(connection: sqlite3.Connection, shard: int) -> list[ShardRef]:
    row = connection.execute(
        "SELECT encoders.digest, shards.name FROM shards JOIN encoders ON encoders.id = shards.encoder "
        "WHERE shards.id = ?",
        (shard,),
    ).fetchone()
    connection.execute("DELETE FROM shards WHERE id = ?", (shard,))
    return [] if row is None else [ShardRef(*row)]
