"""The cache in one process: what is read is what was written, what goes and what stays."""

from __future__ import annotations

import errno
import os
import pickle
import random
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visionlaw.errors import DataError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.cache.upkeep import summaries
from visionlaw.features.extract import extract
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def features(seed: int, h: int = 4, w: int = 4, channels: int = 3, dtype: torch.dtype = torch.float32) -> FeatureMap:
    tokens = torch.randn(h * w, channels, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return FeatureMap(tokens, Geometry((70, 50), (h, w), (0.1 + seed / 7, 0.3), (-1 / 3, 2.5)))


def same(a: FeatureMap | None, b: FeatureMap) -> bool:
    return (
        a is not None
        and a.tokens.dtype == b.tokens.dtype
        and a.geometry == b.geometry
        and torch.equal(a.tokens, b.tokens)
    )


@pytest.fixture
def entry(tmp_path: Path, encoder, images):
    """A cache with one entry: (cache, encoder, image key, its features)."""
    cache = FeatureCache(tmp_path / "features")
    ((key, found),) = extract(encoder.ref(), images(1), cache)
    return cache, encoder.ref(), key, found


def shards(cache: FeatureCache) -> list[Path]:
    return sorted(cache.folder.rglob("*.safetensors"))


def test_what_is_read_is_what_was_written(entry) -> None:
    cache, ref, key, found = entry
    assert same(cache.get(ref, key), found)
    assert same(FeatureCache(cache.folder).get(ref, key), found)
    assert same(pickle.loads(pickle.dumps(cache)).get(ref, key), found)


shapes = st.tuples(st.integers(0, 99), st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), st.sampled_from(DTYPES))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.dictionaries(st.text(st.characters(), max_size=9), shapes, max_size=5), max_size=4))
def test_whatever_the_keys_shapes_and_types_the_last_that_was_put_is_read(encoder, batches) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ref, cache, last = encoder.ref(), FeatureCache(folder), {}
        for batch in batches:
            put = {key: features(*shape) for key, shape in batch.items()}
            cache.put(ref, put)
            last |= put
        for reader in (cache, FeatureCache(folder)):
            assert all(same(reader.get(ref, key), one) for key, one in last.items())
            assert reader.get(ref, "a key that is too long to be one") is None
        (Path(folder) / "index.sqlite").unlink(missing_ok=True)
        assert all(same(FeatureCache(folder).get(ref, key), one) for key, one in last.items())
        cache.close()


def test_parts_of_one_batch_transposed_or_the_same_map_twice_can_be_put(tmp_path: Path, encoder) -> None:
    ref, cache = encoder.ref(), FeatureCache(tmp_path)
    geometry = features(0).geometry
    with torch.inference_mode():
        batch = torch.randn(2, 3, 16)
    put = {str(i): FeatureMap(batch[i].T, geometry) for i in range(2)}
    cache.put(ref, put | {"again": put["0"]})
    assert all(same(cache.get(ref, key), put[of]) for key, of in (("0", "0"), ("1", "1"), ("again", "0")))


def test_another_version_option_or_image_is_another_entry(entry, encoder) -> None:
    cache, ref, key, found = entry
    other = encoder.ref(version="2")
    assert cache.get(other, key) is None
    assert cache.get(ref, key + "x") is None
    cache.put(other, {key: features(1)})
    assert same(cache.get(ref, key), found)
    assert same(cache.get(other, key), features(1))


def test_what_is_returned_is_the_callers_own(entry) -> None:
    cache, ref, key, found = entry
    before = shards(cache)[0].read_bytes()
    cache.get(ref, key).tokens.fill_(7)
    cache.get(ref, key).tokens.requires_grad_()
    assert shards(cache)[0].read_bytes() == before
    assert same(cache.get(ref, key), found)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_file_of_features_stays_open_or_mapped(tmp_path: Path, encoder) -> None:
    ref, cache = encoder.ref(), FeatureCache(tmp_path)
    for i in range(20):
        cache.put(ref, {str(i): features(i)})
    kept = [cache.get(ref, str(i)) for i in range(20)]
    assert len(kept) == 20
    opened = [str(f.readlink()) for f in Path("/proc/self/fd").iterdir() if f.exists()]
    assert not [name for name in [*opened, Path("/proc/self/maps").read_text()] if ".safetensors" in name]


def test_a_batch_is_one_file_and_what_is_superseded_is_removed(tmp_path: Path, encoder) -> None:
    ref, cache = encoder.ref(), FeatureCache(tmp_path)
    cache.put(ref, {"a": features(1), "b": features(2)})
    (first,) = shards(cache)
    cache.put(ref, {"a": features(3)})
    assert first in shards(cache)
    assert same(cache.get(ref, "b"), features(2))
    cache.put(ref, {"b": features(4)})
    assert first not in shards(cache)
    assert same(cache.get(ref, "a"), features(3))
    assert summaries(tmp_path)[0].bytes == sum(path.stat().st_size for path in shards(cache))


@pytest.fixture
def limited(tmp_path: Path, encoder) -> Callable[[int], FeatureCache]:
    """Return a function that makes a cache with room for so many entries."""
    FeatureCache(tmp_path / "probe").put(encoder.ref(), {"a": features(0)})
    (probe,) = (tmp_path / "probe").rglob("*.safetensors")
    return lambda count: FeatureCache(tmp_path / "features", limit=count * (probe.stat().st_size + 64))


def test_what_was_not_used_for_longest_goes_first(limited, encoder) -> None:
    ref, cache = encoder.ref(), limited(3)
    for i, key in enumerate("abc"):
        cache.put(ref, {key: features(i)})
    assert same(cache.get(ref, "a"), features(0))
    cache.put(ref, {"d": features(3)})
    assert [key for key in "abcd" if cache.get(ref, key) is None] == ["b"]
    assert same(cache.get(ref, "a"), features(0))
    cache.close()  # what this process has used is known to the next one
    limited(2).put(ref, {"e": features(4)})
    assert [key for key in "acde" if limited(3).get(ref, key) is not None] == ["a", "e"]
    assert len(shards(cache)) == 2


def test_a_put_never_evicts_itself(limited, encoder) -> None:
    ref, cache = encoder.ref(), limited(0)
    for i in range(3):
        cache.put(ref, {f"{i}{j}": features(j) for j in range(4)})
        assert all(same(cache.get(ref, f"{i}{j}"), features(j)) for j in range(4))
        assert len(shards(cache)) == 1


def test_a_folder_beside_counts_towards_the_limit(tmp_path: Path, limited, encoder) -> None:
    ref, room = encoder.ref(), limited(3).limit
    assert room is not None
    cache = pickle.loads(pickle.dumps(FeatureCache(tmp_path / "features", room, beside=tmp_path / "beside")))
    kept = lambda: [key for key in "abcdef" if cache.get(ref, key) is not None]  # noqa: E731
    for i, key in enumerate("abcd"):
        cache.put(ref, {key: features(i)})
    assert kept() == ["b", "c", "d"], "it need not be there"
    (tmp_path / "beside" / "set").mkdir(parents=True)
    (tmp_path / "beside" / "set" / "rows").write_bytes(bytes(room // 2))
    cache.put(ref, {"e": features(4)})
    assert len(kept()) == 1
    (tmp_path / "beside" / "more").write_bytes(bytes(room))
    cache.put(ref, {"f": features(5)})
    assert kept() == ["f"], "what was put last stays"


def test_threads_read_while_others_write_and_evict(limited, encoder) -> None:
    ref, cache = encoder.ref(), limited(6)
    wrong: list[int] = []
    found: list[int] = []
    done = threading.Event()

    def read(seed: int) -> None:
        choice = random.Random(seed)
        while not done.is_set():
            i = choice.randrange(60)
            one = cache.get(ref, str(i))
            if one is not None:
                (found if same(one, features(i)) else wrong).append(i)

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for reader in readers:
        reader.start()
    for round_ in range(120):
        cache.put(ref, {str(round_ % 60): features(round_ % 60)})
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert found


def test_claims_are_of_the_process_not_of_the_object(tmp_path: Path, encoder) -> None:
    """Else an extraction that was abandoned would block the next one of the same process for ever."""
    ref = encoder.ref()
    assert FeatureCache(tmp_path).claim(ref, ["a", "b"]) == {"a", "b"}
    assert FeatureCache(tmp_path).claim(ref, ["b", "c"]) == {"b", "c"}


def test_nothing_is_made_by_looking(tmp_path: Path, encoder) -> None:
    cache = FeatureCache(tmp_path / "features")
    assert cache.get(encoder.ref(), "a") is None
    assert cache.claim(encoder.ref(), []) == frozenset()
    cache.release(encoder.ref(), [])
    cache.put(encoder.ref(), {})
    cache.close()
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_is_left_when_the_disk_fills_up(entry, monkeypatch) -> None:
    cache, ref, _, found = entry
    before = [p for p in sorted(cache.folder.rglob("*")) if p.is_file()]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match="No space left on device") as caught:
        cache.put(ref, {"new": found})
    assert str(cache.folder) in caught.value.message
    assert [p for p in sorted(cache.folder.rglob("*")) if p.is_file()] == before


@pytest.mark.parametrize("place", ["file", "file/cache"])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, encoder, images, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / place)
    assert cache.get(encoder.ref(), "a") is None
    for attempt in (
        lambda: cache.claim(encoder.ref(), ["a"]),
        lambda: cache.release(encoder.ref(), ["a"]),
        lambda: cache.put(encoder.ref(), {"a": features(0)}),
        lambda: list(extract(encoder.ref(), images(1), cache)),
    ):
        with pytest.raises(DataError, match="cannot be written"):
            attempt()


def test_what_a_killed_run_left_half_written_is_swept_by_the_next_run(entry) -> None:
    cache, ref, _, found = entry
    leftovers = [shards(cache)[0].parent / ".writing-0123", cache.folder / ".writing-4567"]
    leftovers.append(cache.folder / "claims" / "0123456789abcdef.lock")
    for leftover in leftovers:
        leftover.write_bytes(b"half an ent")
        os.utime(leftover, (0, 0))
    FeatureCache(cache.folder).put(ref, {"new": found})
    assert not [leftover for leftover in leftovers if leftover.exists()]
    assert cache.get(ref, "new") is not None
