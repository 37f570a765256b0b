"""``visionlaw cache`` as a user and a script see it."""

from __future__ import annotations

import json
import shutil
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
    shutil.rmtree(kept.parent / "rows")
    score("toy-mean", "toy-fine", "--dataset", "toypairs", "--alpha", "0.3")
    assert sum(encoded().values()) == before + 5


def test_prune_by_size_removes_what_was_not_used_for_longest(cli, kept) -> None:
    rows = listed(cli)
    total = sum(row["bytes"] for row in rows.values())
    done = json.loads(cli("cache", "prune", "--max-size", f"{total}", "--json").out)
    assert (done["images"], done["bytes"], done["left"]) == (0, 0, total)
    done = json.loads(cli("cache", "prune", "--max-size", f"{(total - 1) / 1000} KB", "--json").out)
    assert (done["images"], done["bytes"]) == (5, rows["toyscore/mean@64"]["bytes"])
    assert set(listed(cli)) == {"toyscore/fine@64"}
    assert len(files(kept)) == 1


def test_prune_by_encoder(cli, kept) -> None:
    assert cli("cache", "prune", "--encoder", "toyscore/fine@64").out.startswith("Removed the features of 5 images")
    assert set(listed(cli)) == {"toyscore/mean@64"}
    refused = cli("cache", "prune", "--encoder", "toyscore/meen@64")
    assert refused.code == 2
    assert "Did you mean 'toyscore/mean@64'?" in refused.err
    assert len(files(kept)) == 1


def test_prune_all_removes_damaged_and_outdated_files_too(cli, kept) -> None:
    files(kept)[0].write_bytes(b"garbage")
    (kept / "ab").mkdir(exist_ok=True)
    (kept / "ab" / f"{'ab' * 32}.safetensors").write_bytes(b"of an earlier version")
    assert cli("cache", "prune", "--all").code == 0
    assert files(kept) == []
    assert listed(cli) == {}


def test_the_spaces_limit_is_what_prune_keeps_to_and_ls_shows(cli, score, kept, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[cache]\nlimit_gb = 0.000001\n")
    assert "of at most 1 kB" in cli("cache", "ls").out
    assert json.loads(cli("cache", "prune", "--json").out)["left"] <= 1000
    shutil.rmtree(kept.parent / "rows")
    assert score("toy-fine", "toy-mean", "--dataset", "toypairs", "--alpha", "0.3").code == 0
    assert len(files(kept)) == 1, "a score keeps to it, too"
    (tmp_path / "registry.toml").write_text("[cache]\nlimit_gb = 0\n")
    refused = cli("cache", "ls")
    assert refused.code == 2
    assert "registry.toml:2" in refused.err


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
