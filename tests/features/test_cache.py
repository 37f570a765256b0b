from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from visionlaw.errors import DataError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.extract import extract


@pytest.fixture
def entry(tmp_path: Path, encoder, images):
    """A cache with one entry: (cache, encoder, image key, its features)."""
    cache = FeatureCache(tmp_path / "features")
    ((key, features),) = extract(encoder.ref(), images(1), cache)
    return cache, encoder.ref(), key, features


def test_what_is_read_is_what_was_written(entry) -> None:
    cache, ref, key, features = entry
    again = cache.get(ref, key)
    assert torch.equal(again.tokens, features.tokens)
    assert again.geometry == features.geometry


def test_another_version_option_or_image_is_another_entry(entry, encoder) -> None:
    cache, ref, key, _ = entry
    other = encoder.ref(version="2")
    assert cache.get(other, key) is None
    assert cache.get(ref, key + "x") is None
    assert len({cache.path(r, k) for r in (ref, other) for k in (key, "x")}) == 4


def test_a_damaged_entry_counts_as_missing_and_is_computed_again(entry, encoder, images) -> None:
    cache, ref, key, features = entry
    path = cache.path(ref, key)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    for content in (b"", b"garbage", whole[:-7], whole[: len(whole) // 2], b"\0" * len(whole), bytes(flipped)):
        path.write_bytes(content)
        assert cache.get(ref, key) is None
        ((_, again),) = extract(ref, images(1), cache)
        assert torch.equal(again.tokens, features.tokens)
        assert torch.equal(cache.get(ref, key).tokens, features.tokens)


def test_nothing_half_written_is_left_when_the_disk_fills_up(entry, encoder, monkeypatch) -> None:
    cache, ref, _, features = entry
    before = sorted(cache.folder.rglob("*"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match="No space left on device") as caught:
        cache.put(ref, {"new": features})
    assert str(cache.folder) in caught.value.message
    files = [p for p in cache.folder.rglob("*") if p.is_file()]
    assert files == [p for p in before if p.is_file()]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, encoder, images) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        list(extract(encoder.ref(), images(1), FeatureCache(tmp_path / "file" / "cache")))


def test_what_a_killed_run_left_half_written_is_swept_by_the_next_run(entry) -> None:
    cache, ref, _, features = entry
    leftover = cache.path(ref, "new").parent / ".writing-0123"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"half an ent")
    os.utime(leftover, (0, 0))
    FeatureCache(cache.folder).put(ref, {"new": features})
    assert not leftover.exists()
    assert cache.get(ref, "new") is not None
