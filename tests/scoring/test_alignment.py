"""Measuring A on images or captions, with what a scorer needs, from Python and from the command line."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import visionlaw
from visionlaw.alignment.language import find_language
from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
from visionlaw.errors import ConfigError, DataError, InvalidIdError, PluginError, UnknownIdError, WeightsError
from visionlaw.policy.sources import candidates_of
from visionlaw.project import Project
from visionlaw.scoring.alignment import Method
from visionlaw.scoring.representations import name_of
from visionlaw.store import ScoreRow, Store

torch.set_num_threads(1)

MEAN, FINE, BOTH = "toyscore/mean@64", "toyscore/fine@64", "toyscore/fine@64 + toyscore/mean@64"


def encoded(folder: Path) -> int:
    log = folder / "encoded.log"
    return sum(int(line.split()[1]) for line in log.read_text().splitlines()) if log.exists() else 0


def edit(old: str, new: str) -> None:
    path = Path("registry.toml")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def train(*names: str, seed: int = 0, lm: str = "lm") -> None:
    """Save projectors as training would: random ones."""
    here, language = Project.find(), find_language(lm)
    for representation in here.representations(names):
        name = name_of(representation)
        channels = sum(part.spec.channels for part in representation)
        card = ProjectorCard(
            name,
            "linear",
            channels,
            language.width,
            {part.id: part.provenance for part in representation},
            language.provenance,
            {"id": "concat"} if len(representation) > 1 else {},
        )
        folder = projector_folder(here.projectors, name, language.fingerprint)
        save_projector(folder, build_projector("linear", channels, language.width, seed=seed), card)


def by_benchmark(rows: list[ScoreRow]) -> dict[tuple[str, str], float]:
    return {(row.benchmark, row.representation): row.value for row in rows}


@pytest.fixture
def score(gallery: Path, cli: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs ``visionlaw score alignment``."""
    return lambda *arguments: cli("score", "alignment", *arguments)


def test_every_benchmark_has_a_score_on_its_own_images(gallery: Path) -> None:
    rows = visionlaw.score_alignment("toy-mean", "toy-fine")
    assert [row.benchmark for row in rows] == ["mme", "mme", "doc", "doc"]
    assert {(row.scorer, row.protocol, row.dataset, row.count) for row in rows} == {
        ("gazer/bright", "bright", "folder", 4)
    }
    assert rows[0].params == {"gain": 1.0, "images": 4, "seed": 0}
    assert len({row.dataset_version for row in rows}) == 2
    assert all(a.value >= b.value for a, b in (rows[:2], rows[2:]))
    assert encoded(gallery) == 16, "two encoders, four images of each benchmark"
    assert visionlaw.score_alignment("toy-mean", "toy-fine") == rows
    assert encoded(gallery) == 16


def test_python_and_the_command_line_are_one(score: Callable[..., Any]) -> None:
    rows = visionlaw.score_alignment("toy-mean", BOTH, benchmarks=["doc"], gain=2)
    done = score("toy-mean", BOTH, "--benchmark", "doc", "--scorer", "gazer/bright?gain=2", "--json")
    told = json.loads(done.out)
    assert [(row["representation"], row["value"]) for row in told] == [(row.representation, row.value) for row in rows]
    assert (told[0]["scorer"], told[0]["gain"], told[0]["images"], told[0]["count"]) == (
        "gazer/bright?gain=2.0",
        2.0,
        4,
        4,
    )
    assert told[0]["interval"] == rows[0].extra["interval"]
    assert told[0]["provenance"]["dataset"]["distribution"] == "visionlaw"


def test_the_table_shows_a_with_its_interval(score: Callable[..., Any]) -> None:
    done = score("toy-mean", "toy-fine")
    assert done.code == 0, done.err
    assert "gazer/bright for mme on folder: 4 images, gain = 1.0, seed = 0" in done.out
    assert "95% interval" in done.out
    assert "Left out: registry.toml names no images of gqa." in done.err
    assert done.out.count(MEAN) == 2
    brief = score("toy-mean", "toy-fine", "--scorer", "gazer/brief").out
    assert "gazer/brief on list: 4 images, seed = 0" in brief
    assert "interval" not in brief
    assert brief.index(MEAN) < brief.index(FINE), "of this one the lowest is the best"


def test_captions_have_one_score_for_all_benchmarks_and_are_needed(gallery: Path, score: Callable[..., Any]) -> None:
    (row,) = visionlaw.score_alignment("toy-mean", scorer="gazer/brief", n=6)
    assert (row.benchmark, row.dataset, row.count) == ("", "list", 6)
    assert row.value == sum(len(f"caption {'x' * place}") for place in range(6))
    text = (gallery / "captions.csv").read_text()
    (gallery / "captions.csv").write_text(text.replace("caption xxx\n", "\n"))
    done = score("toy-mean", "--scorer", "gazer/brief", "-n", "6")
    assert (done.code, done.out) == (2, "")
    assert "has 5 images that can be used, and 6 are to be drawn. Image 4 of list" in done.err
    assert "or -n 5." in done.err
    done = score("toy-mean", "--scorer", "gazer/brief", "-n", "5")
    assert "Passed over 1 image of 'list'. Image 4 of list" in done.err


@pytest.mark.parametrize(
    ("change", "benchmarks"),
    [
        (lambda: (Path("mme") / "0.png").unlink(), {"mme"}),
        (lambda: shutil.copy("doc/0.png", "mme/5.png"), {"mme"}),
        (lambda: edit("images = 4", "images = 3"), {"mme", "doc"}),
        (lambda: edit("images = 4", "images = 4\nseed = 7"), {"mme", "doc"}),
        (lambda: edit("gazer/bright", "gazer/bright?gain=0.5"), {"mme", "doc"}),
    ],
)
def test_other_images_are_measured_anew_and_only_those(
    gallery: Path, change: Callable[[], Any], benchmarks: set[str]
) -> None:
    before = {row.key: row.benchmark for row in visionlaw.score_alignment("toy-mean")}
    change()
    after = {row.key: row.benchmark for row in visionlaw.score_alignment("toy-mean")}
    assert {after[key] for key in after.keys() - before.keys()} == benchmarks


def test_maxcos_is_the_mean_over_references_and_1_against_itself(gallery: Path) -> None:
    edit('definition = "gazer/bright"\n', "")
    train("toy-mean", "toy-fine", BOTH)
    rows = visionlaw.score_alignment("toy-mean", "toy-fine", BOTH, benchmarks=["mme"])
    found = {row.representation: row for row in rows}
    assert found[MEAN].value == pytest.approx(1, abs=1e-5), "against itself"
    assert -1 <= found[FINE].value < 0.999
    assert {row.scorer for row in rows} == {"maxcos"}
    low, high = found[FINE].extra["interval"]
    assert low < found[FINE].value < high
    assert found[FINE].extra["language"].endswith("lm")
    assert found[FINE].provenance["language"] == find_language("lm").fingerprint
    assert found[BOTH].provenance["combiner"]["id"] == "concat"


def test_a_projector_or_a_reference_that_is_trained_again_measures_anew(gallery: Path) -> None:
    edit('definition = "gazer/bright"\n', "")
    train("toy-mean", "toy-fine")
    first = by_benchmark(visionlaw.score_alignment("toy-mean", "toy-fine", benchmarks=["mme"]))
    train("toy-fine", seed=1)
    second = by_benchmark(visionlaw.score_alignment("toy-mean", "toy-fine", benchmarks=["mme"]))
    assert second["mme", MEAN] == first["mme", MEAN]
    assert second["mme", FINE] != first["mme", FINE]
    train("toy-mean", seed=1)
    third = by_benchmark(visionlaw.score_alignment("toy-fine", benchmarks=["mme"]))
    assert third["mme", FINE] not in (first["mme", FINE], second["mme", FINE])
    train("toy-mean", "toy-fine")
    assert by_benchmark(visionlaw.score_alignment("toy-mean", "toy-fine", benchmarks=["mme"])) == first
    with Store.of_project(gallery / ".visionlaw", create=False) as store:
        assert len(store.scores(scorer="maxcos")) == 4


def test_what_has_no_projector_is_one_sentence_or_left_out_with_a_note(score: Callable[..., Any]) -> None:
    edit('definition = "gazer/bright"\n', "")
    nothing = score()
    assert (nothing.code, nothing.out) == (2, "")
    assert f"'{MEAN}', '{FINE}', '{BOTH}' have no projector" in nothing.err
    assert f'visionlaw align "{MEAN}" "{FINE}" "{BOTH}"' in nothing.err
    train("toy-fine")
    reference = score("toy-fine")
    assert reference.code == 2
    assert f"The reference '{MEAN}' has no projector" in reference.err
    train("toy-mean")
    done = score("--json")
    assert done.code == 0, done.err
    assert {row["representation"] for row in json.loads(done.out)} == {MEAN, FINE}
    assert f'Left out: 1 representation without projector. → visionlaw align "{BOTH}"' in done.err
    named = score("toy-mean", BOTH)
    assert named.code == 2
    assert f'Train it: visionlaw align "{BOTH}"' in named.err
    other = score("toy-mean", "--lm", "nowhere/at-all")
    assert (other.code, other.out) == (2, "")


def test_a_projector_of_another_language_model_does_not_count(gallery: Path) -> None:
    edit('definition = "gazer/bright"\n', "")
    train("toy-mean", "toy-fine")
    shutil.copytree("lm", "other")
    (gallery / "other" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(DataError, match="has no projector for this language model"):
        visionlaw.score_alignment("toy-fine", language="other", benchmarks=["mme"])
    (row,) = visionlaw.score_alignment("toy-fine", language=gallery / "lm", benchmarks=["mme"])
    assert visionlaw.score_alignment("toy-fine", benchmarks=["mme"]) == [row], "it is the same wherever it is named"


def test_a_study_uses_what_was_measured_as_registry_toml_says(score: Callable[..., Any], gallery: Path) -> None:
    def alignments() -> dict[str, float]:
        here = Project.find()
        with Store.of_project(here.state_dir, create=False) as store:
            found = candidates_of(here, store, ["mme"])
        return dict(zip(found.representations, found.A[0].tolist(), strict=True))

    rows = visionlaw.score_alignment("toy-mean", "toy-fine", benchmarks=["mme"])
    wanted = {row.representation: row.value for row in rows}
    shutil.copytree("mme", "mine")
    (gallery / "mine" / "0.png").unlink()
    for elsewhere in (
        ["--images", "folder", "--root", "mine", "--benchmark", "mme"],
        ["--images", "folder", "--root", "mine"],
        ["--benchmark", "doc"],
        ["--benchmark", "mme", "-n", "3"],
        ["--benchmark", "mme", "--seed", "3"],
        ["--scorer", "gazer/bright?gain=9", "--benchmark", "mme"],
    ):
        done = score("toy-mean", *elsewhere)
        assert done.code == 0, (elsewhere, done.err)
        found = alignments()
        assert {name: found[name] for name in wanted} == wanted, elsewhere
    assert found[BOTH] != found[BOTH], "not measured"
    same = score("toy-mean", "--images", "folder", "--root", "mme", "--benchmark", "mme", "--json")
    assert json.loads(same.out)[0]["value"] == wanted[MEAN]
    train("toy-mean", "toy-fine")
    edit('definition = "gazer/bright"', 'definition = "maxcos"')
    shutil.copytree("lm", "other")
    (gallery / "other" / "model.safetensors").write_bytes(b"other weights")
    train("toy-mean", "toy-fine", seed=1, lm="other")
    visionlaw.score_alignment("toy-mean", "toy-fine", benchmarks=["mme"])
    before = alignments()
    visionlaw.score_alignment("toy-mean", "toy-fine", benchmarks=["mme"], language="other")
    assert {n: v for n, v in alignments().items() if v == v} == {n: v for n, v in before.items() if v == v}


def test_a_study_s_remedy_is_a_command_that_works(cli: Callable[..., Any], gallery: Path) -> None:
    edit(
        "[benchmarks]\n",
        '[correspondence]\ndataset = "toypairs"\n[policy]\nbenchmarks = ["mme", "doc"]\n[benchmarks]\n',
    )
    lacking = json.loads(cli("policy", "status", "--json").out)["not_scored"]
    assert [row["missing"] for row in lacking] == [["A", "C"]] * 3
    for row in lacking:
        for command in row["remedy"].split("; "):
            done = cli(*shlex.split(command)[1:])
            assert done.code == 0, (command, done.err)
    assert json.loads(cli("policy", "status", "--json").out)["not_scored"] == []


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"benchmarks": ["mne"]}, UnknownIdError, r"'mne' is not under \[benchmarks\] .* Did you mean 'mme'"),
        ({"benchmarks": ["gqa"]}, ConfigError, r"names no images of 'gqa'\. Write images = \"folder\""),
        ({"scorer": "gazer/brief", "benchmarks": ["mme"]}, DataError, "one score for all benchmarks, none for 'mme'"),
        ({"scorer": "correspondence"}, DataError, "on pairs .* visionlaw score correspondence --scorer correspondence"),
        ({"scorer": "maxcso"}, UnknownIdError, "Did you mean 'maxcos'"),
        ({"gian": 2}, InvalidIdError, "Did you mean 'gain'"),
        ({"images": "foldr", "root": "mme"}, UnknownIdError, "Did you mean 'folder'"),
        ({"images": "folder", "root": "gone"}, DataError, "'gone' is not there"),
        ({"images": "gazer/broken"}, PluginError, "Reading 'gazer/broken' failed: RuntimeError: the dog ate it"),
        ({"n": 7}, DataError, r"has 6 images, and 7 .* or -n 6\."),
        ({"scorer": "maxcos", "language": "gone/lm"}, WeightsError, "gone/lm"),
    ],
)
def test_mistakes_are_one_sentence(gallery: Path, arguments: dict[str, Any], error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        visionlaw.score_alignment("toy-mean", **arguments)
    assert not (gallery / ".visionlaw").exists()


def test_what_registry_toml_does_not_name_is_asked_for(gallery: Path, score: Callable[..., Any]) -> None:
    edit('model = "lm"\n', "")
    edit('references = ["toy-mean"]\n', "")
    with pytest.raises(ConfigError, match=r"'maxcos' needs a language model, and none is named\. .* --lm FOLDER"):
        visionlaw.score_alignment("toy-mean", scorer="maxcos")
    with pytest.raises(ConfigError, match="against references, and none are named"):
        visionlaw.score_alignment("toy-mean", scorer="maxcos", language="lm")
    edit('captions = "list"\ncaptions_root = "captions.csv"\n', "")
    with pytest.raises(ConfigError, match=r"captions = \"list\" and captions_root"):
        visionlaw.score_alignment("toy-mean", scorer="gazer/brief")
    given = score("toy-mean", "--scorer", "gazer/brief", "--images", "list", "--root", "captions.csv", "--json")
    assert json.loads(given.out)[0]["benchmark"] == ""
    for wrong, says in ((["--root", "mme"], "Give --images SOURCE"), (["--lm-revision", "x"], "Give both: --lm")):
        done = score("toy-mean", *wrong)
        assert (done.code, done.out) == (2, "")
        assert says in done.err
    Path("mme").rename("moved")
    done = score("toy-mean", "--json")
    assert {row["benchmark"] for row in json.loads(done.out)} == {"doc"}
    assert "Left out: '" in done.err
    assert "is not there" in done.err


def test_the_example_of_the_method_works(gallery: Path) -> None:
    here = Project.find()
    chosen = here.representations(["toy-mean"])
    rows = [row for one in Method.prepare(here).on_benchmarks() for row in one.scores(chosen)]
    assert rows == visionlaw.score_alignment("toy-mean")


def test_stored_scores_of_a_scorer_without_projectors_are_shown_without_torch(
    gallery: Path, python: Callable[..., Any], plugin_folder: Callable[[str], Path]
) -> None:
    rows = visionlaw.score_alignment("toy-mean")
    code = (
        "import sys, visionlaw; print([r.value for r in visionlaw.score_alignment('toy-mean')], 'torch' in sys.modules)"
    )
    done = python("-c", code, path=tuple(plugin_folder(name) for name in ("toyscore", "acme", "gazer")))
    assert done.out == f"{[row.value for row in rows]} False\n", done.err
