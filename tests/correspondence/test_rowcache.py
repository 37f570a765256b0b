from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from visionlaw.correspondence import rowfiles
from visionlaw.correspondence.definitions import Reference, Strict
from visionlaw.correspondence.matchers import Argmax, SoftArgmax, Upsampled
from visionlaw.correspondence.matching import match_all
from visionlaw.correspondence.pairs import read_pairs
from visionlaw.correspondence.rowcache import RowCache, rows_of
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


def flip(path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def retell(folder, **facts) -> None:
    about = json.loads((folder / "about.json").read_text())
    about["rows"] |= facts
    (folder / "about.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "similarity.npy").unlink(),
        lambda folder: (folder / "similarity.npy").write_bytes(b""),
        lambda folder: os.truncate(folder / "similarity.npy", 1000),
        lambda folder: flip(folder / "similarity.npy", 128),
        lambda folder: flip(folder / "similarity.npy", -1),
        lambda folder: flip(folder / "affine.npy", -1),
        lambda folder: flip(folder / "sizes.npy", -8),
        lambda folder: (folder / "affine.npy").write_bytes(b"\x93NUMPY"),
        lambda folder: np.save(folder / "sizes.npy", np.zeros((3, 4))),
        lambda folder: np.save(folder / "similarity.npy", np.zeros((25, 64))),
        lambda folder: (folder / "about.json").unlink(),
        lambda folder: (folder / "about.json").write_text("[" * 10**5),
        lambda folder: (folder / "about.json").write_text('{"rows": {"grid": null}, "files": {}}'),
        lambda folder: retell(folder, encoder="toy/other@64"),
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


@pytest.fixture
def rows(kit):
    """Describe rows on a small data set; ``protocol`` tells them apart."""
    table = read_pairs(kit.world(2))
    return lambda protocol="strict-1", encoder="a": rows_of(kit.encoder(encoder).ref, table, (8, 8), protocol)


def write(cache: RowCache, *several) -> None:
    for one in several:
        with cache.writing(one) as new:
            new.similarity.fill_(1)


def test_a_set_says_what_it_is(kit, rows, tmp_path) -> None:
    write(RowCache(tmp_path), rows())
    (found,) = rowfiles.stored(tmp_path)
    assert found.rows == rows()
    assert found.path.name == rows().digest
    assert found.bytes == sum(file.stat().st_size for file in found.path.iterdir())
    assert time.time() - 60 < found.used_at <= time.time() + 1
    said = json.loads((found.path / "about.json").read_text())["rows"]
    assert (said["encoder"], said["pairs"], said["keypoints"]) == ("toy/a@64", 2, 10)
    assert (said["grid"], said["protocol"]) == ([8, 8], "strict-1")
    assert said["sources"] == read_pairs(kit.world(2)).sources_digest
    assert json.loads(said["identity"])["encoder"] == "toy/a@64"


def test_a_set_in_the_place_of_another_is_not_read(rows, tmp_path) -> None:
    write(RowCache(tmp_path), rows("one"))
    (tmp_path / rows("one").digest).rename(tmp_path / rows("two").digest)
    assert RowCache(tmp_path).get(rows("two")) is None


def test_what_is_not_finished_is_not_kept(rows, tmp_path) -> None:
    cache = RowCache(tmp_path)
    with pytest.raises(KeyboardInterrupt), cache.writing(rows()):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    assert cache.get(rows()) is None


def test_an_error_while_rows_are_computed_is_told_as_it_is(rows, tmp_path) -> None:
    with pytest.raises(OSError, match="the image is gone"), RowCache(tmp_path).writing(rows()):
        raise OSError(errno.EIO, "the image is gone")


def test_the_oldest_rows_go_and_those_in_use_stay(rows, tmp_path) -> None:
    old, used, new = rows("old"), rows("used"), rows("new")
    write(RowCache(tmp_path), old, used)
    for one, age in ((old, 100), (used, 200)):
        os.utime(tmp_path / one.digest, (age, age))
    size = sum(file.stat().st_size for file in (tmp_path / old.digest).iterdir())
    cache = RowCache(tmp_path, limit=2 * size)
    assert cache.get(old) is not None, "read last, so that it is the newer one"
    write(cache, new)
    assert {path.name for path in tmp_path.iterdir()} == {old.digest, new.digest}
    write(RowCache(tmp_path, limit=1), used)
    assert [path.name for path in tmp_path.iterdir()] == [used.digest], "what this process needs, and nothing else"


def test_rows_are_read_where_nothing_can_be_written(rows, tmp_path) -> None:
    write(RowCache(tmp_path), rows())

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "read-only")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "utime", refuse)
        assert RowCache(tmp_path).get(rows()) is not None
    assert RowCache(tmp_path).get(rows()) is not None, "and it is still there"


def test_a_full_disk_is_one_sentence_and_leaves_nothing(rows, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with (
        pytest.raises(DataError, match=r"rows cannot be kept in .*No space left"),
        RowCache(tmp_path).writing(rows()),
    ):
        raise AssertionError("unreached")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", [None, errno.EOPNOTSUPP, errno.EINVAL])
def test_space_is_taken_where_the_system_cannot_reserve_it(rows, tmp_path, monkeypatch, reason) -> None:
    def refuse(*_: object) -> None:
        raise OSError(reason, "no")

    if reason is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", refuse)
    many = replace(rows(), keypoints=1000)  # a file of holes would have one block
    with RowCache(tmp_path).writing(many) as new:
        (temporary,) = (path for path in tmp_path.iterdir() if path.is_dir())
        found = (temporary / "similarity.npy").stat()
        assert found.st_blocks * 512 >= found.st_size == 128 + 4 * 1000 * 64
        new.similarity[3] = 0.5
    kept = RowCache(tmp_path).get(many)
    assert kept is not None
    assert (kept.similarity[3] == 0.5).all()
    assert (kept.similarity[4] == 0).all()


def test_rows_are_named_by_the_images_too(kit) -> None:
    data, encoder = kit.world(2), kit.encoder("a").ref
    table = read_pairs(data)
    other = read_pairs(kit.Pairs([replace(pair, target=kit.photo(77)) for pair in data]))
    names = {rows_of(encoder, t, grid, "strict-1").digest for t in (table, other) for grid in ((8, 8), (8, 9))}
    assert len(names) == 4
    assert rows_of(encoder, read_pairs(kit.world(2)), (8, 8), "strict-1").digest in names


def test_without_a_folder_rows_are_in_memory(kit, rows, matched, tmp_path) -> None:
    encoder = kit.encoder("a")
    assert matched(encoder, scratch=None)[1] == 6
    assert matched(encoder, scratch=None)[1] == 6
    assert list(tmp_path.iterdir()) == []
    with RowCache(None).writing(rows()) as new:
        assert new.similarity.shape == (10, 64)
        assert new.similarity.dtype == torch.float32
