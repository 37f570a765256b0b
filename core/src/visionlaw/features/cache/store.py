"""FeatureCache: core's :class:`visionlaw.protocols.FeatureStore`."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visionlaw import atomic
from visionlaw.features.cache import claims, records, shards
from visionlaw.features.cache.headers import read_header, shard_path
from visionlaw.features.cache.identity import Identity, identify, image_name
from visionlaw.features.cache.index import Index, cannot_write
from visionlaw.features.cache.records import ShardRef
from visionlaw.features.cache.upkeep import bytes_below, remove, tidy
from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef

DEFAULT_LIMIT = 100 * 10**9


class FeatureCache:
    """Feature maps on disk, by content; safe for threads, and for several processes at once.

    Features are kept in the data type they come in. What is damaged counts as missing. Where a put makes the cache
    larger than its limit, the shards that have not been used for longest go, as far as this process and, to the half
    minute, others know; a reader to whom that happens finds the features missing. It can be pickled: the copy
    is another cache object on the same folder.

    Args:
        folder: Where the shards and their index are; created when the first is written.
        limit: The most bytes that the shards may take; None: no limit.
        beside: A folder whose files count towards the limit, too.
    """

    def __init__(self, folder: str | Path, limit: int | None = DEFAULT_LIMIT, beside: str | Path | None = None) -> None:
        self.folder = Path(folder)
        self.limit = limit
        self.beside = None if beside is None else Path(beside)
        self._index = Index(self.folder)
        self._last: tuple[EncoderRef, Identity, str] | None = None
        self._tidied = False
        weakref.finalize(self, self._index.close)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.limit, self.beside)

    def get(self, encoder: EncoderRef, image: str) -> FeatureMap | None:
        """Return an image's features, or None where they are not there or damaged.

        The tokens are the caller's own copy.
        """
        digest, name = self._digest(encoder), image_name(image)
        shard = self._index.read(lambda connection: records.shard_of(connection, digest, name))
        if shard is None:
            return None
        features = shards.read(shard_path(self.folder, digest, shard), digest, name)
        if features is not None:
            self._index.used(shard)
        return features

    def put(self, encoder: EncoderRef, features: Mapping[str, FeatureMap]) -> None:
        """Keep the features of images as one shard, all or nothing, and end this process's claims on them.

        Raises:
            DataError: The disk is full or the folder cannot be written to.
        """
        if not features:
            return
        self._tidy()
        identity = self._identity(encoder)
        named = {image_name(image): one for image, one in features.items()}
        shard = os.urandom(8).hex()
        path = shard_path(self.folder, identity.digest, shard)
        content = shards.pack(identity, named)
        limit = self._room()
        try:
            owner = claims.owner_of(self.folder)
            atomic.write_bytes(path, content)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

        def enter(connection: sqlite3.Connection) -> list[ShardRef]:
            header = read_header(path)
            if header is None:
                raise OSError(None, f"the shard '{path.name}' has vanished or is damaged", str(path))
            obsolete = records.add_shard(connection, shard, header, time.time())
            claims.drop(connection, owner, identity.digest, named)
            return obsolete if limit is None else obsolete + records.evict(connection, limit, keep=shard)

        try:
            obsolete = self._index.write(enter)
        except BaseException:
            remove(self.folder, [ShardRef.of(path)])
            raise
        remove(self.folder, obsolete)

    def claim(self, encoder: EncoderRef, images: Sequence[str]) -> frozenset[str]:
        """Reserve images for this process to compute, and return those that no other living process has claimed.

        Raises:
            DataError: As :meth:`put`.
        """
        if not images:
            return frozenset()
        digest, names = self._digest(encoder), {image_name(image): image for image in images}
        owner = self._owner()
        taken = self._index.write(lambda connection: claims.take(connection, self.folder, owner, digest, names))
        return frozenset(names[name] for name in taken)

    def release(self, encoder: EncoderRef, images: Sequence[str]) -> None:
        """Give up this process's claims on images.

        Raises:
            DataError: As :meth:`put`.
        """
        if images:
            digest, names, owner = self._digest(encoder), [image_name(image) for image in images], self._owner()
            self._index.write(lambda connection: claims.drop(connection, owner, digest, names))

    def close(self) -> None:
        """Note what was used and close the index; also done when the process ends. The cache can be used again."""
        self._index.close()

    def _room(self) -> int | None:
        """What is left of the limit beside other files."""
        return self.limit if self.limit is None or self.beside is None else self.limit - bytes_below(self.beside)

    def _owner(self) -> str:
        try:
            return claims.owner_of(self.folder)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _digest(self, encoder: EncoderRef) -> str:
        last = self._last
        if last is None or last[0] is not encoder:  # thousands of images in a row are of one encoder
            identity = identify(encoder)
            self._last = last = (encoder, identity, identity.digest)
        return last[2]

    def _identity(self, encoder: EncoderRef) -> Identity:
        last = self._last
        return last[1] if last is not None and last[0] is encoder else identify(encoder)

    def _tidy(self) -> None:
        """Once, before the first put: take up what killed writers have finished, remove what they have begun."""
        if self._tidied:
            return
        tidy(self.folder, self._index)
        self._tidied = True
