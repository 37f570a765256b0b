"""Damage of every kind: what cannot be read as it was written is computed again, and nothing wrong is ever returned."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from visionlaw.features.cache import FeatureCache
from visionlaw.features.cache.upkeep import summaries
from visionlaw.features.cache.verify import verify
from visionlaw.features.extract import extract
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef

KEYS = ("a", "b", "c")


def features(seed: int) -> FeatureMap:
    tokens = torch.randn(4, 2, generator=torch.Generator().manual_seed(seed))
    return FeatureMap(tokens, Geometry((70, 50), (2, 2), (0.1, 0.3), (-0.5, float(seed))))


@dataclass
class Filled:
    """A cache with two shards, of 'a' and 'b', and of 'c'."""

    folder: Path
    ref: EncoderRef

    def __post_init__(self) -> None:
        cache = FeatureCache(self.folder)
        cache.put(self.ref, {"a": features(0), "b": features(1)})
        self.shard = self.shards[0]
        cache.put(self.ref, {"c": features(2)})
        cache.close()

    @property
    def shards(self) -> list[Path]:
        return sorted(self.folder.rglob("*.safetensors"))

    def readable(self, cache: FeatureCache | None = None) -> str:
        """The keys that can be read; whatever can is what was written."""
        found = ""
        reader = cache or FeatureCache(self.folder)
        for seed, key in enumerate(KEYS):
            one = reader.get(self.ref, key)
            if one is not None:
                assert torch.equal(one.tokens, features(seed).tokens)
                assert one.geometry == features(seed).geometry
                found += key
        if cache is None:
            reader.close()
        return found


@pytest.fixture
def filled(tmp_path: Path, encoder) -> Filled:
    return Filled(tmp_path / "features", encoder.ref())


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SHARD_DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda p: p.unlink(),
    "empty": lambda p: p.write_bytes(b""),
    "garbage": lambda p: p.write_bytes(b"garbage" * 99),
    "huge header": lambda p: p.write_bytes(b"\xff" * 400),
    "zeros": lambda p: p.write_bytes(bytes(p.stat().st_size)),
    "end lost": lambda p: p.write_bytes(p.read_bytes()[:-7]),
    "half lost": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
    "header alone": lambda p: p.write_bytes(p.read_bytes()[:8]),
    "bytes added": lambda p: p.write_bytes(p.read_bytes() + b"more"),
    "a folder": become_folder,
}


@pytest.mark.parametrize("damage", SHARD_DAMAGE)
def test_a_damaged_shard_is_missing_computed_again_and_replaced(filled: Filled, damage: str) -> None:
    cache = FeatureCache(filled.folder)
    assert filled.readable(cache) == "abc"
    SHARD_DAMAGE[damage](filled.shard)
    assert filled.readable(cache) == filled.readable() == "c"
    assert cache.claim(filled.ref, ["a", "b"]) == {"a", "b"}
    cache.put(filled.ref, {"a": features(0), "b": features(1)})
    assert filled.readable(cache) == filled.readable() == "abc"
    assert filled.shard.is_dir() or not filled.shard.exists()


def test_no_flipped_bit_is_ever_read(filled: Filled) -> None:
    whole = filled.shard.read_bytes()
    cache = FeatureCache(filled.folder)
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        filled.shard.write_bytes(flipped)
        assert filled.readable(cache) in ("c", "ac", "bc", "abc")  # and `readable` sees that what is read is right
    filled.shard.write_bytes(whole)
    assert filled.readable(cache) == "abc"


def test_a_flipped_bit_of_the_data_costs_its_image_alone_and_is_extracted_again(tmp_path, encoder, images) -> None:
    cache, refs = FeatureCache(tmp_path), images(4)
    first = dict(extract(encoder.ref(), refs, cache))
    (shard,) = tmp_path.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-5] ^= 1
    shard.write_bytes(content)
    encoder.encoded.clear()
    again = dict(extract(encoder.ref(), refs, cache))
    assert sum(encoder.encoded) == 1
    assert all(torch.equal(again[key].tokens, first[key].tokens) for key in first)


def test_a_shard_in_the_folder_of_another_encoder_is_not_its_features(filled: Filled, encoder) -> None:
    other = encoder.ref(version="2")
    FeatureCache(filled.folder).put(other, {"a": features(7)})
    theirs = next(path for path in filled.shards if path.parent != filled.shard.parent)
    shutil.copy(filled.shard, theirs)
    assert FeatureCache(filled.folder).get(other, "a") is None
    verify(filled.folder)
    assert FeatureCache(filled.folder).get(other, "a") is None
    assert filled.readable() == "abc"


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (something TEXT)")
    connection.close()


def older(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
    connection.close()


def without_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE entries")
    connection.close()


def overwrite(path: Path, start: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:start] + b"\x5a" * (len(content) - start))


INDEX_DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda p: p.unlink(),
    "empty": lambda p: p.write_bytes(b""),
    "garbage": lambda p: p.write_bytes(b"garbage" * 9999),
    "zeros": lambda p: p.write_bytes(bytes(p.stat().st_size)),
    "end lost": lambda p: p.write_bytes(p.read_bytes()[:5000]),
    "tables overwritten": lambda p: overwrite(p, 4096),
    "middle overwritten": lambda p: overwrite(p, 200),
    "another database": foreign,
    "another version": older,
    "a table lost": without_a_table,
}


@pytest.mark.parametrize("damage", INDEX_DAMAGE)
def test_a_damaged_index_is_built_anew_from_the_shards(filled: Filled, damage: str) -> None:
    INDEX_DAMAGE[damage](filled.folder / "index.sqlite")
    assert filled.readable() == "abc"
    cache = FeatureCache(filled.folder)
    assert cache.claim(filled.ref, ["d"]) == {"d"}
    cache.put(filled.ref, {"d": features(3)})
    assert verify(filled.folder).images == 4
    assert summaries(filled.folder)[0].images == 4


@pytest.mark.parametrize("damage", INDEX_DAMAGE)
def test_a_cache_in_use_survives_damage_to_its_index(filled: Filled, damage: str) -> None:
    cache, other = FeatureCache(filled.folder), FeatureCache(filled.folder)
    cache.put(filled.ref, {"c": features(2)})  # so that there is a write-ahead log, which must not outlive its index
    assert filled.readable(cache) == filled.readable(other) == "abc"
    INDEX_DAMAGE[damage](filled.folder / "index.sqlite")
    filled.readable(cache)
    for seed, key, writer, reader in ((3, "d", cache, other), (4, "e", other, cache)):
        writer.put(filled.ref, {key: features(seed)})
        assert torch.equal(writer.get(filled.ref, key).tokens, features(seed).tokens)
        assert torch.equal(reader.get(filled.ref, key).tokens, features(seed).tokens)
    cache.close()
    other.close()
    assert verify(filled.folder).images == 5
    assert filled.readable() == "abc"


def test_a_write_ahead_log_that_is_garbage_costs_nothing_that_was_kept(filled: Filled) -> None:
    (filled.folder / "index.sqlite-wal").write_bytes(b"garbage" * 999)
    (filled.folder / "index.sqlite-shm").write_bytes(b"garbage" * 9999)
    assert filled.readable() == "abc"


def test_a_cache_that_is_deleted_under_a_running_extraction_is_begun_again(filled: Filled) -> None:
    cache = FeatureCache(filled.folder)
    assert filled.readable(cache) == "abc"
    assert cache.claim(filled.ref, ["d"]) == {"d"}
    shutil.rmtree(filled.folder)
    assert filled.readable(cache) == ""
    assert cache.claim(filled.ref, ["a"]) == {"a"}
    cache.put(filled.ref, {"a": features(0)})
    assert filled.readable(cache) == filled.readable() == "a"


def test_a_shard_that_was_written_and_not_entered_is_taken_up(filled: Filled) -> None:
    """As a writer leaves it that is killed between the two."""
    with sqlite3.connect(filled.folder / "index.sqlite") as connection:
        connection.execute("DELETE FROM shards WHERE name = ?", (filled.shard.stem,))
    connection.close()
    assert filled.readable() == "c"
    FeatureCache(filled.folder).put(filled.ref, {"d": features(3)})
    assert filled.readable() == "abc"


def test_verify_removes_what_is_damaged_and_says_so(filled: Filled) -> None:
    assert (verify(filled.folder).images, verify(filled.folder).shards) == (3, 2)
    flipped = bytearray(filled.shard.read_bytes())
    flipped[-1] ^= 1
    filled.shard.write_bytes(flipped)
    old = filled.folder / "ab" / f"{'ab' * 32}.safetensors"
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"of an earlier version")
    found = verify(filled.folder)
    assert (found.images, found.shards, found.damaged_shards) == (1, 1, 1)
    assert (found.outdated_bytes, found.index_rebuilt, found.missing_shards) == (21, False, 0)
    assert not filled.shard.exists()
    assert not old.exists()
    assert replace(verify(filled.folder), images=0, shards=0) == type(found)()
    (last,) = filled.shards
    last.unlink()
    assert verify(filled.folder).missing_shards == 1
    assert summaries(filled.folder) == []
    assert verify(filled.folder / "nowhere") == type(found)()


def test_verify_tells_of_an_index_that_was_damaged_and_of_shards_it_did_not_know(filled: Filled) -> None:
    overwrite(filled.folder / "index.sqlite", 200)
    found = verify(filled.folder)
    assert (found.images, found.index_rebuilt) == (3, True)
    with sqlite3.connect(filled.folder / "index.sqlite") as connection:
        connection.execute("DELETE FROM shards")
    connection.close()
    found = verify(filled.folder)
    assert (found.images, found.found_shards, found.index_rebuilt) == (3, 2, False)
