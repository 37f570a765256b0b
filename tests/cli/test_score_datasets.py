"""Every data set that this repository has, from the command line, with a toy encoder."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def writer(plugin: str) -> ModuleType:
    """The module that writes a miniature of a plugin's data set."""
    return importlib.import_module(f"visionlaw_{plugin}.tiny")


def spair(root: Path) -> Path:
    return writer("spair").write_spair(root)


def pascal(root: Path) -> Path:
    module = writer("pf")
    tree = module.Pascal(root)
    tree.annotate("cat", "a", [(10, 20), (30, 40), (float("nan"),) * 2], (300, 200))
    tree.annotate("cat", "b", [(50, 60), (150, 250), (7, 7)], (150, 250))
    tree.list("test", ("a", "b", "cat"))
    return root


def willow(root: Path) -> Path:
    module = writer("pf")
    tree = module.Willow(root)
    tree.draw("duck(S)", "a", (80, 80))
    tree.draw("duck(S)", "b", (80, 70))
    tree.list(("duck(S)/a", "duck(S)/b", module.row((5, 5), (50, 60)), module.row((10, 30), (73, 33))))
    return root


def ap10k(root: Path) -> Path:
    module = writer("ap10k")
    tree = module.Benchmark(root)
    tree.annotate(module.SHEEP, {0: (0, 0, 2), 1: (119, 89, 2), 2: (5, 6, 2)}, (120, 90))
    tree.annotate(module.SHEEP_2, {0: (10, 11, 2), 1: (12, 13, 2), 2: (79, 99, 2)}, (80, 100))
    tree.pair("test", module.SHEEP, module.SHEEP_2, "argali sheep")
    return root


def hpatches(root: Path) -> Path:
    writer("hpatches").write(None, root)
    return root


TREES: dict[str, Callable[[Path], Path]] = {
    "spair": spair,
    "pf/pascal": pascal,
    "pf/willow": willow,
    "ap10k": ap10k,
    "hpatches": hpatches,
}
DRAWN = {"warps?kind=plane&pairs=1": "warps", "textpairs?kind=words&pairs=3": "textpairs"}


def check(row: dict[str, Any], dataset: str, distribution: str) -> None:
    """What every score tells, whatever it was measured on."""
    assert (row["representation"], row["dataset"], row["scorer"]) == ("toyscore/mean@64", dataset, "correspondence")
    assert row["pairs"] > 0
    assert row["keypoints"] >= row["pairs"]
    low, high = row["intervals"]["value"]
    assert 0 <= low <= row["value"] <= high <= 100
    assert set(row["alphas"]) == {"0.01", "0.05", "0.1", "0.15"}
    assert set(row["intervals"]["categories"]) == set(row["categories"])
    for groups in row["breakdown"].values():
        assert sum(group["pairs"] for group in groups.values()) <= row["pairs"]
    provenance = row["provenance"]
    assert provenance["dataset"]["distribution"] == distribution
    assert provenance["dataset"]["version"]
    assert {"numpy", "torch"} <= set(provenance["scorer"]["libraries"])
    assert provenance["encoders"]["toyscore/mean@64"]["distribution"] == "toyscore"
    assert provenance["dataset_version"]


@pytest.mark.parametrize("dataset", TREES)
def test_a_data_set_of_files_is_scored_under_both_protocols(score, encoded, tmp_path: Path, dataset: str) -> None:
    TREES[dataset](tmp_path / "data")
    arguments = ("toy-mean", "--dataset", dataset, "--data", "data", "--json")
    rows = {}
    for protocol in ("strict", "reference"):
        done = score(*arguments, "--protocol", protocol)
        assert (done.code, done.err) == (0, "")
        (rows[protocol],) = json.loads(done.out)
        check(rows[protocol], dataset, f"visionlaw-{dataset.partition('/')[0]}")
        assert rows[protocol]["protocol"] == protocol
    assert (rows["strict"]["matcher"], "matcher" in rows["reference"]) == ("argmax", False)
    versions = {row["provenance"]["dataset_version"] for row in rows.values()}
    assert len(versions) == 1
    once = encoded()
    score(*arguments, "--matcher", "upsampled")
    assert encoded() == once, "features are those of any protocol and matcher"


@pytest.mark.parametrize("dataset", DRAWN)
def test_a_drawn_data_set_and_the_folder_made_of_it_score_the_same(score, cli, tmp_path: Path, dataset: str) -> None:
    arguments = ("toy-mean", "--json")
    done = score(*arguments, "--dataset", dataset)
    assert done.code == 0, done.err
    (drawn,) = json.loads(done.out)
    check(drawn, drawn["dataset"], f"visionlaw-{DRAWN[dataset]}")
    assert set(drawn["dataset"].partition("?")[2].split("&")) == set(dataset.partition("?")[2].split("&"))
    name, _, options = dataset.partition("?")
    pairs = options.rpartition("=")[2]
    kind = options.partition("&")[0]
    made = cli("dataset", "make", f"{name}?{kind}", "made", "--pairs", pairs)
    assert made.code == 0, made.err
    (read,) = json.loads(score(*arguments, "--dataset", "pairs", "--data", "made").out)
    check(read, "pairs", "visionlaw")
    same = ("value", "pairs", "keypoints", "categories", "breakdown", "intervals", "alphas")
    assert [read[key] for key in same] == [drawn[key] for key in same]


def test_the_breakdown_of_spair_is_printed_by_its_attributes(score, tmp_path: Path) -> None:
    spair(tmp_path / "data")
    done = score("toy-mean", "--dataset", "spair", "--data", "data", "--by", "viewpoint_variation", "--by", "category")
    assert (done.code, done.err) == (0, "")
    assert "C % by viewpoint_variation on spair" in done.out
    assert "aeroplane" in done.out
    wrong = score("toy-mean", "--dataset", "spair", "--data", "data", "--by", "viewpoint")
    assert wrong.code == 2
    assert "Did you mean 'viewpoint_variation'" in wrong.err


SPACE = """
[space]
representations = ["toy-mean"]
[correspondence]
dataset = "toypairs"
roots = {{ spair = "SPair-71k"{more} }}
[benchmarks]
pictures = {{ name = "P", kind = "vision" }}
animals = {{ name = "A", kind = "vision", correspondence = "spair?layout=small" }}
text = {{ name = "T", kind = "ocr", correspondence = "{text}" }}
"""


def test_without_a_name_all_data_sets_of_the_benchmarks_are_scored(score, encoded, tmp_path: Path) -> None:
    spair(tmp_path / "SPair-71k")
    (tmp_path / "registry.toml").write_text(SPACE.format(more="", text="hpatches"))
    done = score("--json")
    assert done.code == 0
    assert [row["dataset"] for row in json.loads(done.out)] == ["toypairs", "spair?layout=small"]
    (note,) = done.err.splitlines()
    assert note.startswith("Left out: The data set 'hpatches' needs a folder. → ")
    once = encoded()
    assert json.loads(score("--json").out) == json.loads(done.out)
    assert encoded() == once
    shown = score("--by", "viewpoint_variation")
    assert shown.code == 0
    assert "C % by viewpoint_variation on spair?layout=small" in shown.out
    assert "The pairs of 'toypairs' are not told apart by 'viewpoint_variation'." in shown.err
    misspelled = score("--by", "viewpiont_variation")
    assert (misspelled.code, "Did you mean" in misspelled.err) == (2, False), "the first data set knows nothing like it"


@pytest.mark.parametrize(
    ("more", "text", "says"),
    [
        (', "pf/pascal" = "nothing-there"', "pf/pascal", "is not a folder"),
        (', "pf/pascal" = "SPair-71k"', "pf/pascal", "PF-PASCAL"),
        ("", "papers", "There is no dataset 'papers'"),
    ],
)
def test_a_data_set_that_cannot_be_used_is_a_note_beside_others(score, tmp_path: Path, more, text, says) -> None:
    spair(tmp_path / "SPair-71k")
    (tmp_path / "registry.toml").write_text(SPACE.format(more=more, text=text))
    done = score("--json")
    assert done.code == 0
    assert len(json.loads(done.out)) == 2
    (note,) = done.err.splitlines()
    assert note.startswith("Left out: ")
    assert says in note
    named = score("--dataset", text, "--json")
    assert (named.code, named.out) == (2, ""), "what is asked for by name is an error"


def test_where_no_data_set_can_be_used_the_first_reason_is_the_error(score, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(
        SPACE.format(more="", text="hpatches").replace('dataset = "toypairs"', 'dataset = "ap10k"')
    )
    done = score("--json")
    assert (done.code, done.out) == (2, "")
    assert "The data set 'ap10k' needs a folder." in done.err
    assert "Left out" not in done.err


def test_findings_about_a_broken_tree_are_noted_and_the_rest_is_scored(score, tmp_path: Path) -> None:
    root = spair(tmp_path / "SPair-71k")
    (root / "ImageAnnotation" / "cat" / "2011_000004.json").write_text("{")
    (root / "JPEGImages" / "aeroplane" / "2008_000001.jpg").unlink()
    done = score("toy-mean", "--dataset", "spair", "--data", "SPair-71k", "--json")
    assert done.code == 0
    (row,) = json.loads(done.out)
    assert (row["pairs"], set(row["categories"])) == (1, {"aeroplane"})
    (note,) = done.err.splitlines()
    assert note.endswith("findings about 'spair'; what cannot be used is left out. → visionlaw dataset check \"spair\"")
