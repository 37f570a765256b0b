"""The feature cache: sharded safetensors, named by everything that the features depend on, and an index of them.

::

    <cache>/index.sqlite             which shard holds which image of which encoder, its last use, who computes what
    <cache>/index.lock               held while the index is opened or built
    <cache>/claims/<process>.lock    held by each process that computes
    <cache>/<2 hex>/<encoder>/<shard>.safetensors    the features of one batch

A shard is written in full or not at all, never changed afterwards, and says itself what it holds: its metadata name the
encoder with all that it depends on, and each image's geometry and checksum. So the index holds nothing that cannot be
read again from the shards, and is built anew where it is missing, damaged or of another version. It is an SQLite
database, which makes each change of several processes one transaction; its write-ahead log needs a local disk.

Only :class:`FeatureCache` and :mod:`visionlaw.features.cache.verify` need torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visionlaw.features.cache.store import FeatureCache

__all__ = ["FeatureCache"]


def __getattr__(name: str) -> Any:
    if name != "FeatureCache":
        raise AttributeError(f"module 'visionlaw.features.cache' has no attribute '{name}'")
    from visionlaw.features.cache.store import FeatureCache

    return FeatureCache
