from __future__ import annotations

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from visionlaw.correspondence.definitions import Reference, Strict
from visionlaw.correspondence.matchers import Argmax, SoftArgmax, Upsampled
from visionlaw.correspondence.matching import match_all
from visionlaw.correspondence.pairs import read_pairs
from visionlaw.correspondence.rowcache import RowCache, digest_of
from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.protocols import ScoringJob


@pytest.fixture
def matched(kit, tmp_path):
    """Match with toy encoders; tell how many images were encoded for it."""

    def run(*encoders, definition=None, data=None, scratch=tmp_path):
        before = sum(sum(e.encoded) for e in encoders)
        data = data or kit.world(5)
        job = ScoringJob([(e.ref,) for e in encoders], data, ConcatCombiner(), scratch=scratch)
        table = read_pairs(data)
        matches = [found for _, found in match_all(job, table, definition or Strict(Argmax()))]
        return matches, sum(sum(e.encoded) for e in encoders) - before

    return run


def test_rows_are_computed_once_for_all_that_is_asked_of_them(kit, matched) -> None:
    encoder = kit.encoder("a")
    first, encoded = matched(encoder)
    assert encoded == 6
    again, encoded = matched(encoder)
    assert encoded == 0
    np.testing.assert_array_equal(first[0].found, again[0].found)
    assert matched(encoder, definition=Strict(SoftArgmax()))[1] == 0, "another matcher needs no features"
    data = kit.world(5)
    moved = kit.Pairs([replace(pair, target_points=pair.target_points + 1, size=9.0) for pair in data])
    assert matched(encoder, data=moved)[1] == 0, "the truth is no part of the rows"


def test_what_changes_rows_computes_them_anew(kit, matched) -> None:
    encoder = kit.encoder("a")
    matched(encoder)
    assert matched(encoder, definition=Strict(Upsampled()))[1] == 6, "a finer grid"
    assert matched(encoder, definition=Reference())[1] == 6, "another protocol"
    data = kit.world(5)
    other = kit.Pairs([replace(pair, source_points=pair.source_points + 0.5) for pair in data])
    assert matched(encoder, data=other)[1] == 6, "other keypoints"
    assert matched(kit.encoder("b"))[1] == 6, "another encoder"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "similarity.npy").unlink(),
        lambda folder: (folder / "similarity.npy").write_bytes(b""),
        lambda folder: os.truncate(folder / "similarity.npy", 1000),
        lambda folder: (folder / "affine.npy").write_bytes(b"\x93NUMPY"),
        lambda folder: np.save(folder / "sizes.npy", np.zeros((3, 4))),
        lambda folder: np.save(folder / "similarity.npy", np.zeros((25, 64))),
    ],
)
def test_damaged_rows_are_computed_again(kit, matched, tmp_path, damage) -> None:
    encoder = kit.encoder("a")
    first, _ = matched(encoder)
    (folder,) = (tmp_path / "rows").iterdir()
    damage(folder)
    again, encoded = matched(encoder)
    assert encoded == 6
    np.testing.assert_array_equal(first[0].found, again[0].found)
    assert matched(encoder)[1] == 0, "and the damaged ones have been replaced"


def test_what_is_not_finished_is_not_kept(kit, tmp_path) -> None:
    table = read_pairs(kit.world(2))
    cache = RowCache(tmp_path)
    with pytest.raises(KeyboardInterrupt), cache.writing("ab", table, (8, 8)):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    assert cache.get("ab", table, (8, 8)) is None


def test_the_oldest_rows_go_and_those_in_use_stay(kit, tmp_path) -> None:
    table = read_pairs(kit.world(2))

    def write(cache: RowCache, name: str) -> None:
        with cache.writing(name, table, (8, 8)) as rows:
            rows.similarity.fill_(1)

    write(RowCache(tmp_path), "old")
    write(RowCache(tmp_path), "used")
    for name, age in (("old", 100), ("used", 200)):
        os.utime(tmp_path / name, (age, age))
    one = sum(file.stat().st_size for file in (tmp_path / "old").iterdir())
    cache = RowCache(tmp_path, limit=2 * one)
    assert cache.get("used", table, (8, 8)) is not None
    write(cache, "new")
    assert {path.name for path in tmp_path.iterdir()} == {"used", "new"}


def test_a_killed_process_leaves_nothing_that_lasts(kit, tmp_path) -> None:
    left = tmp_path / ".writing-abc"
    left.mkdir()
    (left / "similarity.npy").write_bytes(b"half")
    table = read_pairs(kit.world(2))
    for age, stays in ((None, True), (1, False)):
        if age:
            os.utime(left, (age, age))
        with RowCache(tmp_path).writing(f"a{age}", table, (8, 8)) as rows:
            rows.similarity.fill_(0)
        assert left.exists() == stays, "another process may still be at work on a young one"


def test_a_full_disk_is_one_sentence_and_leaves_nothing(kit, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    table = read_pairs(kit.world(2))
    with (
        pytest.raises(DataError, match=r"rows cannot be kept in .*No space left"),
        RowCache(tmp_path).writing("a", table, (8, 8)),
    ):
        raise AssertionError("unreached")
    assert list(tmp_path.iterdir()) == []


def test_rows_are_named_by_the_images_too(kit) -> None:
    data, encoder = kit.world(2), kit.encoder("a").ref
    table = read_pairs(data)
    other = read_pairs(kit.Pairs([replace(pair, target=kit.photo(77)) for pair in data]))
    names = {digest_of(encoder, t, grid, "strict-1") for t in (table, other) for grid in ((8, 8), (8, 9))}
    assert len(names) == 4
    assert digest_of(encoder, read_pairs(kit.world(2)), (8, 8), "strict-1") in names


def test_without_a_folder_rows_are_in_memory(kit, matched, tmp_path) -> None:
    encoder = kit.encoder("a")
    assert matched(encoder, scratch=None)[1] == 6
    assert matched(encoder, scratch=None)[1] == 6
    assert list(tmp_path.iterdir()) == []
    with RowCache(None).writing("", read_pairs(kit.world(2)), (8, 8)) as rows:
        assert rows.similarity.shape == (10, 64)
        assert rows.similarity.dtype == torch.float32
