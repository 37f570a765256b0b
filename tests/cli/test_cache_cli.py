"""``visionlaw cache`` as a user and a script see it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(".visionlaw") / "cache" / "features"


@pytest.fixture
def kept(score, tmp_path: Path) -> Path:
    """A project with the features of two encoders, five images each; returns the cache's folder."""
    for name in ("toy-mean", "toy-fine"):  # one after the other: the second is used last
        assert score(name, "--dataset", "toypairs").code == 0
    return tmp_path / FOLDER


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def row_sets(folder: Path) -> dict[str, Path]:
    """The sets of similarity rows beside a folder of features, by encoder."""
    found = [path.parent for path in (folder.parent / "rows").glob("*/about.json")]
    return {json.loads((path / "about.json").read_text())["rows"]["encoder"]: path for path in found}


def listed(cli: Callable) -> dict[str, dict]:
    return {row["id"]: row for row in json.loads(cli("cache", "ls", "--json").out)["encoders"]}


def test_ls_tells_what_is_kept_of_each_encoder(cli, kept) -> None:
    rows = listed(cli)
    assert set(rows) == {"toyscore/mean@64", "toyscore/fine@64"}
    assert sum(row["bytes"] for row in rows.values()) == sum(path.stat().st_size for path in files(kept))
    for row in rows.values():
        assert (row["images"], row["dtypes"], row["provenance"]["version"]) == (5, ["float32"], "1.0")
        assert time.time() - 600 < row["used_at"] <= time.time()
    said = json.loads(cli("cache", "ls", "--json").out)
    assert (said["limit"], Path(said["folder"])) == (100 * 10**9, kept)
    table = cli("cache", "ls")
    assert "toyscore/mean@64  float32    5" in table.out
    assert "of at most 100 GB" in table.out


def test_ls_tells_of_which_rows_are_kept(cli, kept) -> None:
    rows = {row["id"]: row for row in json.loads(cli("cache", "ls", "--json").out)["rows"]}
    assert set(rows) == {"toyscore/mean@64", "toyscore/fine@64"}
    for name, path in row_sets(kept).items():
        row = rows[name]
        assert row["digest"] == path.name
        assert row["bytes"] == sum(file.stat().st_size for file in path.iterdir())
        assert (row["pairs"], row["protocol"], row["provenance"]["version"]) == (4, "strict-1", "1.0")
        assert row["keypoints"] > 0
        assert len(row["sources"]) == 64
        assert time.time() - 600 < row["used_at"] <= time.time() + 1
    table = cli("cache", "ls").out
    assert "ROWS OF" in table
    assert f" of features, {sum(row['bytes'] for row in rows.values()) / 1000:.3g} kB of rows." in table
    (row_sets(kept)["toyscore/fine@64"] / "about.json").unlink()
    rows = json.loads(cli("cache", "ls", "--json").out)["rows"]
    assert sorted(row["id"] is None for row in rows) == [False, True]
    assert "(unreadable)" in cli("cache", "ls").out


def test_an_empty_cache_is_no_error_and_stays_none(cli, tmp_path: Path) -> None:
    assert listed(cli) == {}
    for arguments in (("ls",), ("verify",), ("prune",), ("prune", "--all"), ("prune", "--max-size", "1GB")):
        assert cli("cache", *arguments).code == 0
    assert list(tmp_path.iterdir()) == []


def test_verify_tells_of_damage_which_is_then_gone_and_computed_again(cli, score, encoded, kept) -> None:
    assert "features of 10 images in 2 files are whole" in cli("cache", "verify").out
    damaged = files(kept)[0]
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    found = json.loads(cli("cache", "verify", "--json").out)
    assert (found["images"], found["damaged_shards"]) == (5, 1)
    assert not damaged.exists()
    assert sorted(row["images"] for row in listed(cli).values()) == [5]
    before = sum(encoded().values())
    score("toy-mean", "toy-fine", "--dataset", "toypairs", "--alpha", "0.3")
    assert sum(encoded().values()) == before, "rows are kept, which is all that another threshold needs"
    score("toy-mean", "toy-fine", "--dataset", "toypairs", "--matcher", "upsampled")
    assert sum(encoded().values()) == before + 5


def test_verify_tells_of_damaged_rows_which_are_then_gone_and_computed_again(cli, score, encoded, kept) -> None:
    assert "2 whole sets of similarity rows" in cli("cache", "verify").out
    damaged = row_sets(kept)["toyscore/fine@64"]
    content = bytearray((damaged / "similarity.npy").read_bytes())
    content[-1] ^= 1
    (damaged / "similarity.npy").write_bytes(content)
    (damaged.parent / ".writing-abc").mkdir()  # of a run that was killed
    found = json.loads(cli("cache", "verify", "--json").out)
    assert (found["row_sets"], found["damaged_row_sets"], found["abandoned_row_sets"]) == (1, 1, 1)
    assert list(damaged.parent.iterdir()) == [row_sets(kept)["toyscore/mean@64"]]
    before = encoded()
    score("toy-mean", "toy-fine", "--dataset", "toypairs", "--alpha", "0.3")
    assert encoded() == before, "rows are made of the features that are kept"
    assert len(row_sets(kept)) == 2


def test_prune_by_size_removes_what_was_not_used_for_longest(cli, kept) -> None:
    features = listed(cli)
    rows = {row["id"]: row["bytes"] for row in json.loads(cli("cache", "ls", "--json").out)["rows"]}
    for name, age in (("toyscore/mean@64", 1), ("toyscore/fine@64", -600)):  # in seconds since 1970, and to come
        when = age if age > 0 else time.time() - age
        os.utime(row_sets(kept)[name], (when, when))

    def prune(size: int) -> tuple[int, ...]:
        done = json.loads(cli("cache", "prune", "--max-size", f"{size / 1000} KB", "--json").out)
        return done["images"], done["row_sets"], done["bytes"], done["left"]

    left = sum(rows.values()) + sum(row["bytes"] for row in features.values())
    assert prune(left) == (0, 0, 0, left)
    for images, sets, size in (
        (0, 1, rows["toyscore/mean@64"]),
        (5, 0, features["toyscore/mean@64"]["bytes"]),
        (5, 0, features["toyscore/fine@64"]["bytes"]),
    ):
        assert prune(left - 1) == (images, sets, size, left - size)
        left -= size
    assert listed(cli) == {}
    assert set(row_sets(kept)) == {"toyscore/fine@64"}
    assert prune(0) == (0, 1, left, 0)


def test_prune_by_encoder(cli, kept) -> None:
    done = cli("cache", "prune", "--encoder", "toyscore/fine@64")
    assert done.out.startswith("Removed the features of 5 images and 1 set of similarity rows")
    assert set(listed(cli)) == set(row_sets(kept)) == {"toyscore/mean@64"}
    refused = cli("cache", "prune", "--encoder", "toyscore/meen@64")
    assert refused.code == 2
    assert "Did you mean 'toyscore/mean@64'?" in refused.err
    assert len(files(kept)) == 1


def test_after_pruning_an_encoder_nothing_of_it_is_used_again(cli, score, encoded, kept) -> None:
    cli("cache", "prune", "--encoder", "toyscore/fine@64")
    before = sum(encoded().values())
    score("toy-mean", "toy-fine", "--dataset", "toypairs", "--alpha", "0.3")
    assert sum(encoded().values()) == before + 5


def test_rows_are_pruned_by_encoder_where_its_features_are_gone(cli, kept) -> None:
    for path in files(kept):
        path.unlink()
    assert cli("cache", "verify").code == 0
    assert listed(cli) == {}
    done = json.loads(cli("cache", "prune", "--encoder", "toyscore/fine@64", "--json").out)
    assert (done["images"], done["row_sets"]) == (0, 1)
    assert set(row_sets(kept)) == {"toyscore/mean@64"}
    assert cli("cache", "prune", "--encoder", "toyscore/fine@64").code == 2


def test_prune_all_removes_damaged_and_outdated_files_too(cli, kept) -> None:
    files(kept)[0].write_bytes(b"garbage")
    (kept / "ab").mkdir(exist_ok=True)
    (kept / "ab" / f"{'ab' * 32}.safetensors").write_bytes(b"of an earlier version")
    (row_sets(kept)["toyscore/fine@64"] / "about.json").unlink()
    done = json.loads(cli("cache", "prune", "--all", "--json").out)
    assert (done["row_sets"], done["left"]) == (2, 0)
    assert files(kept) == []
    assert listed(cli) == {}
    assert list((kept.parent / "rows").iterdir()) == []


def test_the_spaces_limit_is_what_prune_keeps_to_and_ls_shows(cli, score, kept, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[cache]\nlimit_gb = 0.000001\n")
    assert "of at most 1 kB" in cli("cache", "ls").out
    assert json.loads(cli("cache", "prune", "--json").out)["left"] <= 1000
    assert (files(kept), row_sets(kept)) == ([], {})
    assert score("toy-fine", "toy-mean", "--dataset", "toypairs", "--alpha", "0.3").code == 0
    assert (files(kept), row_sets(kept)) == ([], {}), "a score keeps to it, too"
    (tmp_path / "registry.toml").write_text("[cache]\nlimit_gb = 0\n")
    refused = cli("cache", "ls")
    assert refused.code == 2
    assert "registry.toml:2" in refused.err


def test_rows_take_a_quarter_of_the_limit_at_most(cli, score, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[cache]\nlimit_gb = 0.000032\n")
    for name in ("toy-fine", "toy-mean"):
        assert score(name, "--dataset", "toypairs").code == 0
        rows = [row["id"] for row in json.loads(cli("cache", "ls", "--json").out)["rows"]]
        assert rows == [f"toyscore/{name.removeprefix('toy-')}@64"], "8 kB are room for either, not for both"
    assert set(listed(cli)) == {"toyscore/mean@64"}, "and features take what is left"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--max-size", "ten potatoes"), "'ten potatoes' is not a size"),
        (("--max-size", "-1GB"), "is not a size"),
        (("--max-size", "1GB", "--all"), "Give one of"),
        (("--encoder", "a/b@2", "--all"), "Give one of"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_removes_nothing(cli, kept, arguments, says) -> None:
    done = cli("cache", "prune", *arguments)
    assert done.code == 2
    assert says in done.err
    assert len(files(kept)) == 2


@pytest.mark.parametrize(("text", "size"), [("10GB", 10**10), ("1.5 kb", 1500), ("2GiB", 2**31), ("7", 7)])
def test_sizes(text: str, size: int) -> None:
    from visionlaw.cli.cache import parse_size

    assert parse_size(text) == size


def test_a_cache_that_cannot_be_written_to_is_one_sentence(cli, tmp_path: Path, kept) -> None:
    (kept / "index.sqlite").unlink()
    (kept / "index.sqlite").mkdir()
    done = cli("cache", "prune", "--all")
    assert done.code == 2
    assert f"Features cannot be written to '{kept}'" in done.err
    assert "bug" not in done.err


def test_looking_and_pruning_need_no_torch(python, kept, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libtorch is gone')")
    path = (broken.parent,)
    rows = json.loads(python("-m", "visionlaw", "cache", "ls", "--json", path=path).out)["encoders"]
    assert len(rows) == 2
    refused = python("-m", "visionlaw", "cache", "verify", path=path)
    assert refused.code == 2
    assert "pip install 'visionlaw[torch]'" in refused.err
    assert python("-m", "visionlaw", "cache", "prune", "--all", path=path).code == 0
    assert files(kept) == []
