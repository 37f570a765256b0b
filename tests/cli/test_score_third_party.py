"""A scorer and a data set of third parties, from the command line: they work as core's own do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionlaw.store import Store

ON = ("--dataset", "toypairs")


@pytest.fixture(autouse=True)
def acme(installed: Callable[..., None], plugin: Path) -> None:
    """The scorers of the fixture plugin ``acme``, beside the encoders and pairs of ``toyscore``."""
    installed("acme")


def rows(done) -> dict[str, dict]:
    assert done.code == 0, done.err
    return {row["representation"]: row for row in json.loads(done.out)}


def test_its_options_protocol_parameters_and_details_are_in_the_json_and_the_store(score, tmp_path: Path) -> None:
    both = ("toy-mean", "toy-fine + toy-mean")
    found = rows(score(*both, *ON, "--scorer", "acme/alike?power=2", "--json"))
    assert set(found) == {"toyscore/mean@64", "toyscore/fine@64 + toyscore/mean@64"}
    for row in found.values():
        assert (row["scorer"], row["protocol"], row["dataset"]) == ("acme/alike?power=2", "pooled", "toypairs")
        assert (row["power"], row["pooling"], row["pairs"]) == (2, "mean", 4)
        assert 0 < row["value"] <= 1
        assert row["worst"] in {"p0", "p1", "p2", "p3"}
        assert row["provenance"]["scorer"]["distribution"] == "acme"
        assert row["provenance"]["scorer"]["version"] == "1.2"
        assert "toyscore/mean@64" in row["provenance"]["encoders"]
    with Store.of_project(tmp_path / ".visionlaw", create=False) as store:
        assert {row.representation: row.value for row in store.scores()} == {n: r["value"] for n, r in found.items()}


def test_it_finds_the_features_of_core_s_scorer_and_its_scores_are_not_computed_again(score, encoded) -> None:
    score("toy-mean", *ON)
    plain = rows(score("toy-mean", *ON, "--scorer", "acme/alike", "--json"))
    squared = rows(score("toy-mean", *ON, "--scorer", "acme/alike?power=2", "--json"))
    assert encoded() == {"toyscore/mean@64": 5}
    assert squared["toyscore/mean@64"]["value"] < plain["toyscore/mean@64"]["value"]
    assert rows(score("toy-mean", *ON, "--scorer", "acme/alike?power=1", "--json")) == plain, "the default says nothing"


def test_its_table_has_its_own_unit_and_whatever_it_tells_as_core_does(score) -> None:
    done = score("toy-mean", "toy-fine", *ON, "--scorer", "acme/alike", "--by", "category")
    assert (done.code, done.err) == (0, "")
    assert "acme/alike on toypairs: 4 pairs, pooled, pooling = mean, power = 1\n" in done.out
    assert "acme/alike by category on toypairs" in done.out
    assert "C %" not in done.out
    values = [
        row["value"] for row in rows(score("toy-mean", "toy-fine", *ON, "--scorer", "acme/alike", "--json")).values()
    ]
    assert all(f"{value:.4g}" in done.out for value in values), "a score of 0 to 1 is not rounded to a tenth"


def test_a_scorer_that_tells_nothing_but_scores_is_shown(score) -> None:
    done = score("toy-mean", *ON, "--scorer", "acme/bare")
    assert (done.code, done.err) == (0, "")
    assert "acme/bare on toypairs: 4 pairs, bare" in done.out
    refused = score("toy-mean", *ON, "--scorer", "acme/bare", "--by", "category")
    assert refused.code == 2
    assert "not told apart by 'category'.\n  → They are by: nothing." in refused.err


def test_an_option_counts_although_no_parameter_tells_it(score) -> None:
    """Otherwise the score stored for one α would be shown for another."""
    for alpha in (0.1, 0.3):
        (row,) = rows(score("toy-mean", *ON, "--scorer", "acme/bare", "--alpha", alpha, "--json")).values()
        assert row["value"] == alpha
    (again,) = rows(score("toy-mean", *ON, "--scorer", "acme/bare?alpha=0.3", "--json")).values()
    assert again == row


def test_details_never_take_the_place_of_what_a_score_says_and_the_lowest_may_be_the_best(score) -> None:
    arguments = ("toy-mean", "toy-fine", *ON, "--scorer", "acme/strange")
    found = rows(score(*arguments, "--json"))
    assert [row["value"] for row in found.values()] == [0.1, 1.1]
    row = found["toyscore/mean@64"]
    assert (row["dataset"], row["protocol"], row["categories"]) == ("toypairs", "bare", ["cat"])
    assert row["provenance"]["dataset_version"] == "1"
    done = score(*arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.index("toyscore/mean@64") < done.out.index("toyscore/fine@64")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--scorer", "acme/alike", "--alpha", "0.2"), "The scorer 'acme/alike' has no option 'alpha'."),
        (
            ("--scorer", "acme/alike", "--protocol", "strict"),
            "has no option 'protocol'.\n  → Its options: power, matcher.",
        ),
        (("--scorer", "acme/alike", "--matcher", "argmax"), "is one of mean, max, not 'argmax'"),
        (("--scorer", "acme/alike?powr=2"), "Did you mean 'power'?"),
        (("--scorer", "acme/alik"), "Did you mean 'acme/alike' or"),
        (("--scorer", "acme/alike", "--matches", "pictures"), "tells scores, not where it found the keypoints"),
        (("--scorer", "acme/raises"), "The scorer 'acme/raises' failed: RuntimeError: the dog ate it."),
        (("--scorer", "acme/words"), "The scorer 'acme/words' gave str where a Score is expected."),
        (("--scorer", "acme/nothing"), "The scorer 'acme/nothing' left out toyscore/mean@64."),
    ],
)
def test_what_it_does_not_have_or_does_wrong_is_one_sentence(score, encoded, arguments, says: str) -> None:
    done = score("toy-mean", *ON, *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "bug in visionlaw" not in done.err
    assert encoded() == {}


def test_the_space_may_name_it_and_core_s_settings_are_not_forced_on_it(score, cli, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(
        '[space]\nrepresentations = ["toy-mean"]\n[correspondence]\ndataset = "toypairs"\n'
        'scorer = "acme/alike?power=3"\nmatcher = "upsampled"\nalpha = 0.2\n'
    )
    (row,) = rows(score("--json")).values()
    assert (row["scorer"], row["power"], row["pooling"]) == ("acme/alike?power=3", 3, "mean")
    refused = cli("score", "compare", "toy-mean", "toy-fine")
    assert refused.code == 2
    assert "The scorer 'acme/alike?power=3' tells scores" in refused.err
    compared = cli("score", "compare", "toy-mean", "toy-fine", "--scorer", "correspondence", "--json")
    assert json.loads(compared.out)["alpha"] == 0.2


def test_a_data_set_of_files_by_all_ways_to_its_folder(score, cli, installed, tmp_path: Path) -> None:
    installed("shelf")
    folder = tmp_path / "books"
    folder.mkdir()
    for number, name in enumerate("ab"):
        noise = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
    (folder / "shelf.txt").write_text(
        "p1 a.png b.png 5 6 cup\np2 b.png a.png 7 8 cup\np3 a.png a.png 9 9 pen\np4 a.png gone.png 9 9 pen\nshort\n"
    )
    given = score("toy-mean", "--dataset", "shelf", "--data", "books", "--json")
    assert given.code == 0
    (row,) = json.loads(given.out)
    assert (row["dataset"], row["pairs"], set(row["categories"])) == ("shelf", 3, {"cup", "pen"})
    assert row["provenance"]["dataset_version"].startswith("shelf?split=all;format=1;pairs=3;content=")
    assert row["provenance"]["dataset"]["distribution"] == "shelf"
    assert given.err == (
        "2 findings about 'shelf'; what cannot be used is left out. → visionlaw dataset check \"shelf\"\n"
    )
    (tmp_path / "registry.toml").write_text(
        '[space]\nrepresentations = ["toy-mean"]\n[correspondence]\ndataset = "shelf?split=cup"\n'
        'roots = {shelf = "books"}\n'
    )
    (cups,) = json.loads(score("--json").out)
    assert (cups["dataset"], cups["pairs"]) == ("shelf?split=cup", 2)
    compared = cli("score", "compare", "toy-mean", "toy-fine", "--dataset", "shelf", "--json")
    assert json.loads(compared.out)["pairs"] == 3


def test_a_data_set_that_fails_or_is_not_there_is_one_sentence(score, installed, tmp_path: Path) -> None:
    installed("shelf")
    for arguments, says in (
        (("--dataset", "shelf/failing"), "RuntimeError: the shelf fell down"),
        (("--dataset", "shelf"), "needs a folder"),
        (("--dataset", "shelf", "--data", "."), "https://shelf.example"),
    ):
        done = score("toy-mean", *arguments)
        assert (done.code, done.out) == (2, "")
        assert says in done.err
        assert "bug in visionlaw" not in done.err
