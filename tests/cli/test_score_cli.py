"""``visionlaw score correspondence`` as a user and a script see it, with a small plugin of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from visionlaw.store import Store


def test_json_rows_are_ranked_and_complete(score, encoded) -> None:
    done = score("toy-mean", "toyscore/mean@64 + toyscore/fine@64", "--dataset", "toypairs", "--json", "--alpha", "0.2")
    assert (done.code, done.err) == (0, "")
    rows = json.loads(done.out)
    assert {r["representation"] for r in rows} == {"toyscore/mean@64", "toyscore/fine@64 + toyscore/mean@64"}
    assert [r["value"] for r in rows] == sorted((r["value"] for r in rows), reverse=True)
    for row in rows:
        assert (row["scorer"], row["dataset"], row["protocol"]) == ("correspondence", "toypairs", "strict")
        assert (row["alpha"], row["pairs"], row["keypoints"]) == (0.2, 4, 24)
        assert 0 < row["value"] <= 100
        provenance = row["provenance"]["encoders"]["toyscore/mean@64"]
        assert (provenance["distribution"], provenance["version"]) == ("toyscore", "1.0")
        assert provenance["libraries"]["toylib"] == "1.0"
        assert row["provenance"]["dataset_version"] == "1"
    assert encoded() == {"toyscore/mean@64": 5, "toyscore/fine@64": 5}


def test_the_run_tells_the_words_of_the_command(score, tmp_path: Path) -> None:
    score("toy-mean", "--dataset", "toypairs")
    with Store.of_project(tmp_path / ".visionlaw", create=False) as store, store.reading() as session:
        (stored,) = session.execute(text("select provenance from runs")).scalars()
    provenance = json.loads(stored)
    assert provenance["command"] == ["score", "correspondence", "toy-mean", "--dataset", "toypairs"]
    assert provenance["plugins"] == {"toyscore": "1.0"}


def test_what_is_stored_is_neither_computed_nor_encoded_again(score, encoded, tmp_path: Path) -> None:
    first = score("toy-mean", "--dataset", "toypairs", "--json").out
    shutil.rmtree(tmp_path / ".visionlaw" / "cache")
    assert score("toy-mean", "--dataset", "toypairs", "--json").out == first
    assert encoded() == {"toyscore/mean@64": 5}


def test_another_alpha_is_another_score_of_the_same_features(score, encoded) -> None:
    (wide,) = json.loads(score("toy-mean", "--dataset", "toypairs", "--json", "--alpha", "0.3").out)
    (narrow,) = json.loads(score("toy-mean", "--dataset", "toypairs", "--json", "--alpha", "0.01").out)
    assert narrow["value"] < wide["value"] == pytest.approx(wide["value"])
    assert encoded() == {"toyscore/mean@64": 5}
    both = json.loads(score("toy-mean?power=3", "toy-mean", "--dataset", "toypairs", "--json").out)
    assert {r["representation"] for r in both} == {"toyscore/mean@64", "toyscore/mean@64?power=3"}
    assert encoded() == {"toyscore/mean@64": 10}


def test_pictures_of_other_measurements_are_other_files(score, tmp_path: Path) -> None:
    for more in ([], ["--alpha", "0.3"], ["--matcher", "softargmax"], ["--protocol", "reference"]):
        assert score("toy-mean", "--dataset", "toypairs", "--matches", "pictures", *more).code == 0
    assert len(list((tmp_path / "pictures").glob("*.sheet.png"))) == 4


def test_tables_are_not_chosen_where_none_is_printed(score, encoded) -> None:
    done = score("toy-mean", "--dataset", "toypairs", "--json", "--by", "category")
    assert (done.code, done.out) == (2, "")
    assert "--json" in done.err
    assert encoded() == {}


def test_a_space_file_and_the_ids_of_its_representations_mean_the_same(score, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[space]\ncombine = {of = ["toyscore/mean@64", "toyscore/fine@64"], size = [1, 2]}\n'
        '[correspondence]\ndataset = "toypairs"\nalpha = 0.2\n'
    )
    of_file = json.loads(score("--space", "mine.toml", "--json").out)
    ids = ("toyscore/mean@64", "toyscore/fine@64", "toyscore/mean@64 + toyscore/fine@64")
    of_ids = json.loads(score(*ids, "--dataset", "toypairs", "--alpha", "0.2", "--json").out)
    assert of_file == of_ids
    assert len(of_file) == 3


def test_the_folder_of_the_data_may_stand_in_the_file(score, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "project" / "photos").mkdir(parents=True)
    for number in range(3):
        colours = Image.effect_noise((70, 65), 10 + 40 * number).convert("RGB")
        colours.save(tmp_path / "project" / "photos" / f"{number}.png")
    (tmp_path / "project" / "registry.toml").write_text(
        '[space]\nrepresentations = ["toyscore/mean@64"]\n[correspondence]\ndataset = "toyfolder"\n'
        'roots = { toyfolder = "photos" }\n'
    )
    monkeypatch.chdir(tmp_path / "project" / "photos")
    (row,) = json.loads(score("--json").out)
    assert (row["dataset"], row["pairs"]) == ("toyfolder", 2)
    (other,) = json.loads(score("--dataset", "toypairs", "--json").out)
    assert other["provenance"]["dataset_version"] == "1", "the folder belongs to the file's own data set"
    (given,) = json.loads(score("--data", ".", "--json").out)
    assert given == row


def test_the_combiner_is_the_one_that_the_space_names(score, tmp_path: Path) -> None:
    space = '[space]\nrepresentations = ["toy-fine", "toy-fine + toy-mean"]\n[correspondence]\ndataset = "toypairs"\n'
    (tmp_path / "concat.toml").write_text(space)
    (tmp_path / "first.toml").write_text(space.replace("[space]", '[space]\ncombiner = "toyfirst"'))
    values = {}
    for name in ("concat", "first"):
        rows = json.loads(score("--space", f"{name}.toml", "--json").out)
        values[name] = {row["representation"]: row["value"] for row in rows}
        (combined,) = (row for row in rows if "+" in row["representation"])
        assert combined["provenance"]["combiner"]["id"] == {"concat": "concat", "first": "toyfirst"}[name]
    assert len(set(values["first"].values())) == 1, "this one takes the first encoder's rows for all"
    assert len({*values["concat"].values(), *values["first"].values()}) == 2


def test_the_table_and_the_pictures(score, encoded, tmp_path: Path) -> None:
    done = score("toy-mean", "toy-fine", "--dataset", "toypairs", "--matches", "pictures")
    assert done.code == 0
    assert "toyscore/mean@64" in done.out
    assert "4 pairs, 24 keypoints, strict, α = 0.1" in done.out
    drawn = sorted(p.name for p in (tmp_path / "pictures").iterdir())
    assert len(drawn) == 6
    for name in drawn:
        assert f"Picture: pictures/{name}" in done.out
        with Image.open(tmp_path / "pictures" / name) as picture:
            picture.verify()
    assert encoded() == {"toyscore/mean@64": 5, "toyscore/fine@64": 5}


def test_representations_that_cannot_be_used_are_left_out_with_one_note_for_each_remedy(score, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[space]\nrepresentations = ["toyscore/mean@64", "toyscore/mean@64 + absent/net@64", "absent/big@64", '
        '"other/net@64"]\n[catalogue]\nabsent = "visionlaw-absent"\nother = "visionlaw-other"\n'
    )
    done = score("--space", "mine.toml", "--dataset", "toypairs", "--json")
    assert [r["representation"] for r in json.loads(done.out)] == ["toyscore/mean@64"]
    absent, other = done.err.splitlines()
    assert absent.startswith("Left out: 2 representations. No installed plugin provides 'absent/net@64'.")
    assert absent.endswith("→ python -m pip install visionlaw-absent")
    assert other.startswith("Left out: 1 representation. ")
    assert other.endswith("→ python -m pip install visionlaw-other")


def test_a_space_of_which_nothing_can_be_used_is_an_error(score, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[space]\nrepresentations = ["absent/net@64"]\n[catalogue]\nabsent = "visionlaw-absent"\n'
    )
    done = score("--space", "mine.toml", "--dataset", "toypairs")
    assert (done.code, done.out) == (2, "")
    assert "pip install visionlaw-absent" in done.err


@pytest.mark.parametrize(
    "case",
    ["clip_import_error", "clip_degraded", "clip_incompatible", "clip_conflict", "clip_disabled", "clip_missing"],
)
def test_what_needs_no_clip_is_scored_whatever_has_become_of_it(cli, plugin: Path, unusable_clip, case: str) -> None:
    before = unusable_clip(case)
    done = cli(*before, "score", "correspondence", "toy-mean", "--dataset", "toypairs", "--json")
    assert (done.code, done.err) == (0, "")
    named = cli(*before, "score", "correspondence", "toy-mean", "clip@336", "--dataset", "toypairs", "--json")
    assert named.code == 2
    assert "'clip/vit-l-14@336'" in named.err


def test_a_pair_that_cannot_be_combined_is_refused_alone(score) -> None:
    mixed = "toyscore/mean@64 + toyscore/cut@64"
    done = score("toy-mean", mixed, "toy-cut", "--dataset", "toypairs", "--json")
    assert done.code == 0
    assert {r["representation"] for r in json.loads(done.out)} == {"toyscore/mean@64", "toyscore/cut@64"}
    (refused,) = done.err.splitlines()
    assert "'toyscore/cut@64' (crop) and 'toyscore/mean@64' (squash)" in refused


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["toyscore/man@64", "--dataset", "toypairs"], "Did you mean 'toyscore/mean@64'"),
        (["toy-mean", "--dataset", "toypair"], "Did you mean 'toypairs'"),
        (["toy-mean", "--dataset", "toyfolder"], "needs a folder"),
        (["toy-mean", "--dataset", "toyfolder", "--data", "nowhere"], "'nowhere' is not a folder"),
        (["toy-mean", "--dataset", "toypairs", "--alpha", "7"], "α = 7"),
        (["toy-mean", "--dataset", "toypairs", "--alpha", "nan"], "α = nan"),
        (["toyscore/mean@64 + toyscore/cut@64", "--dataset", "toypairs"], "cannot be combined"),
        (["toyscore/sick@64", "--dataset", "toypairs"], "no such weights"),
        (["toyscore/wide@64", "--dataset", "toypairs"], "48 channels, but declares 49"),
        (["toy-mean?power=x", "--dataset", "toypairs"], "takes int"),
        (["toy-mean +", "--dataset", "toypairs"], "has an empty part"),
        (["--space", "nowhere.toml"], "nowhere.toml"),
        (["toy-mean", "--dataset", "toypairs", "--matches", "encoded.log/x"], "cannot be written"),
    ],
)
def test_mistakes_are_one_sentence_with_exit_code_2(score, arguments, says) -> None:
    done = score(*arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert "bug in visionlaw" not in done.err
    assert done.out == ""


def test_what_is_refused_before_anything_is_computed_leaves_nothing_behind(score, tmp_path: Path) -> None:
    for mistake in (
        ["toy-mean", "--dataset", "toypairs", "--alpha", "7"],
        ["toyscore/man@64", "--dataset", "toypairs"],
    ):
        assert score(*mistake).code == 2
    assert score("toyscore/mean@64 + toyscore/cut@64", "--dataset", "toypairs").code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_written_is_told_before_anything_is_encoded(score, encoded, tmp_path: Path) -> None:
    (tmp_path / ".visionlaw").write_text("in the way")
    done = score("toy-mean", "--dataset", "toypairs")
    assert done.code == 2
    assert "bug" not in done.err
    assert encoded() == {}


def test_a_bad_image_in_the_folder_is_named(score, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (70, 65), "red").save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:60])
    done = score("toy-mean", "--dataset", "toyfolder", "--data", "images")
    assert done.code == 2
    assert "b.png" in done.err


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_keeps_what_it_has(score, encoded, plugin: Path, tmp_path: Path) -> None:
    arguments = ["score", "correspondence", "toy-mean", "toyscore/slow@64", "--dataset", "toypairs", "--json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(plugin), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", "from visionlaw.cli.main import main; main()", *arguments]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,  # what a shell starts in the background is deaf to them, and its children, too
    )
    deadline = time.monotonic() + 60
    while "toyscore/slow@64" not in encoded() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err.decode()
    assert b"Traceback" not in err
    assert out == b""
    before = encoded()["toyscore/mean@64"]
    assert len(json.loads(score("toy-mean", "--dataset", "toypairs", "--json").out)) == 1
    assert encoded()["toyscore/mean@64"] == before
