"""``visionlaw score compare``, and layers, as a user and a script see them."""

from __future__ import annotations

import json

import pytest

ON = ("--dataset", "toypairs")


@pytest.fixture
def compare(cli, plugin):
    return lambda *arguments: cli("score", "compare", *arguments)


def test_json_holds_what_both_scores_are_and_what_lies_between(compare, score, encoded) -> None:
    done = compare("toy-mean", "toy-fine + toy-mean", *ON, "--alpha", "0.2", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["a"], found["b"]) == ("toyscore/mean@64", "toyscore/fine@64 + toyscore/mean@64")
    assert (found["dataset"], found["dataset_version"], found["protocol"]) == ("toypairs", "1", "strict")
    assert (found["alpha"], found["matcher"], found["pairs"]) == (0.2, "argmax", 4)
    rows = json.loads(score("toy-mean", "toy-fine + toy-mean", *ON, "--alpha", "0.2", "--json").out)
    values = {row["representation"]: row["value"] for row in rows}
    assert (found["a_value"], found["b_value"]) == (values[found["a"]], values[found["b"]])
    assert found["difference"] == pytest.approx(found["a_value"] - found["b_value"], abs=1e-6)
    low, high = found["interval"]
    assert low <= found["difference"] <= high
    assert 0 < found["p"] <= 1
    assert set(found["keypoints"]) == {"first_only", "second_only", "p"}
    assert encoded() == {"toyscore/mean@64": 5, "toyscore/fine@64": 5}, "one store of features for both verbs"


def test_the_order_of_the_two_turns_the_difference_round(compare) -> None:
    one, other = (json.loads(compare(*names, *ON, "--json").out) for names in (("toy-mean", "toy-fine"),) * 2)
    assert one == other
    turned = json.loads(compare("toy-fine", "toy-mean", *ON, "--json").out)
    assert turned["difference"] == -one["difference"]
    assert turned["keypoints"]["first_only"] == one["keypoints"]["second_only"]
    assert (turned["a"], turned["a_value"]) == (one["b"], one["b_value"])


def test_the_text_says_what_is_compared_and_whether_it_can_be_told(compare) -> None:
    done = compare("toy-mean", "toy-fine", *ON, "--protocol", "reference")
    assert (done.code, done.err) == (0, "")
    first, a, b, difference, *_, verdict = done.out.splitlines()
    assert first == "C on toypairs, reference, α = 0.1"
    assert a.endswith("toyscore/mean@64")
    assert b.endswith("toyscore/fine@64")
    assert difference.startswith("A − B = ")
    assert verdict == "These pairs do not tell the two apart: a difference of this size is noise here."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("toy-mean", "toyscore/mean@64?power=1"), "A and B are the same representation, 'toyscore/mean@64'."),
        (("toy-mean + toy-fine", "toy-fine + toy-mean"), "A and B are the same representation"),
        (("toy-mean", "toyscore/man@64"), "Did you mean 'toyscore/mean@64'"),
        (("toy-mean", "toyscore/mean@64 + toyscore/cut@64"), "cannot be combined"),
        (("toy-mean", "toy-fine", "--matcher", "argmin"), "argmin"),
        (("toy-mean", "toy-fine", "--scorer", "correspondenc"), "Did you mean 'correspondence'"),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_encoded(compare, encoded, arguments, says: str) -> None:
    done = compare(*arguments, *ON)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert encoded() == {}


def test_options_in_the_space_s_scorer_hold_for_comparisons(compare, tmp_path) -> None:
    (tmp_path / "registry.toml").write_text(
        '[space]\nrepresentations = ["toy-mean"]\n[correspondence]\ndataset = "toypairs"\n'
        'scorer = "correspondence?protocol=reference&alpha=0.3"\n'
    )
    found = json.loads(compare("toy-mean", "toy-fine", "--json").out)
    assert (found["protocol"], found["alpha"]) == ("reference", 0.3)


def test_layers_of_what_has_none_are_an_error_and_words_are_no_numbers(score, encoded) -> None:
    for layers, says in (("-1,-2", "has no option 'layer'"), ("last", "--layers takes whole numbers, not 'last'")):
        done = score("toy-mean", *ON, "--layers", layers)
        assert (done.code, done.out) == (2, "")
        assert says in done.err
    assert encoded() == {}


def test_layers_are_scored_from_one_pass_and_each_is_what_it_is_alone(score, encoded, installed) -> None:
    installed("acme")
    done = score("acme/deep@64", *ON, "--layers", "-1,-2,-3", "--json")
    assert (done.code, done.err) == (0, "")
    swept = {row["representation"]: row["value"] for row in json.loads(done.out)}
    assert set(swept) == {"acme/deep@64", "acme/deep@64?layer=-2", "acme/deep@64?layer=-3"}
    assert encoded() == {"acme/deep@64": 5}, "five images, three layers"
    score("acme/deep@64?layer=-2 + toy-mean", *ON)
    assert encoded() == {"acme/deep@64": 5, "toyscore/mean@64": 5}
