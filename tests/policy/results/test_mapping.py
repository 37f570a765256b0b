"""Which number of a tool is which benchmark, and in which unit."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from visionlaw.errors import DataError, StudyError
from visionlaw.law import tables
from visionlaw.policy.results import match_results, read_mapping, read_results

EIGHT = ("mmbench", "mme", "okvqa", "seedbench", "mmmu", "textvqa", "vizwiz", "scienceqa")
FILES = {"0.7": "lmms-eval-0.7", "0.3": "lmms-eval-0.3", "0.1": "lmms-eval-0.1"}
QUESTIONS = {"mmbench": 1164, "seedbench": 14233, "scienceqa": 2017}


def published() -> list[dict[str, str]]:
    path = Path(tables.__file__).parent / "data" / "law_iclr2025.csv"
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_published_tables_count_the_questions_of_the_splits_that_are_read() -> None:
    # What tells the development split of MMBench, the images of SEED-Bench and of ScienceQA from their other parts.
    for row in published():
        if (questions := QUESTIONS.get(row["benchmark"])) is not None:
            right = float(row["performance"]) / 100 * questions
            assert right == pytest.approx(round(right), abs=2e-4), row


def test_both_tools_give_the_published_values_in_the_published_units(out: Path) -> None:
    expected = {row["benchmark"]: float(row["performance"]) for row in published() if row["setting"] == "clip@336"}
    found = match_results(read_results("lmms-eval", out / "lmms-eval-0.7"), EIGHT)
    assert found.values == pytest.approx(expected, rel=1e-8)
    assert list(found.values) == list(EIGHT)
    found = match_results(read_results("vlmevalkit", out / "vlmevalkit"), EIGHT)
    assert found.values == pytest.approx({b: v for b, v in expected.items() if b != "okvqa"}, rel=1e-8)


def test_the_vendored_layout_gives_the_same_values(out: Path) -> None:
    new = match_results(read_results("lmms-eval", out / "lmms-eval-0.7"), EIGHT)
    old = match_results(read_results("lmms-eval", out / "lmms-eval-0.1"), EIGHT)
    assert set(old.values) == {"mme", "okvqa", "scienceqa"}
    assert old.values.items() <= new.values.items()
    assert set(old.versions.values()) == {"0.1 (git 10e80a4)"}
    assert old.notes == ()  # the group 'ok_vqa' repeats its only task


def test_only_what_the_study_asks_for_is_taken(out: Path) -> None:
    found = match_results(read_results("lmms-eval", out / "lmms-eval-0.7"), ["mme"])
    assert list(found.values) == ["mme"]
    (note,) = found.notes
    assert note.startswith("Not told: mmbench_en_dev, mmbench_en_test, mmmu_val")
    assert "--map BENCHMARK=TASK" in note


def own(out: Path, **tasks: dict[str, object]) -> Path:
    """Write a file of lmms-eval with these tasks."""
    file = out / "own_results.json"
    file.write_text(json.dumps({"results": tasks, "config": {"model": "m", "limit": None}, "date": "20260101_000000"}))
    return file


def test_a_benchmark_of_ones_own_is_the_task_of_its_name_in_the_tools_unit(out: Path) -> None:
    results = read_results("lmms-eval", own(out, **{"Chart-QA": {"acc,none": 0.5, "acc_stderr,none": 0.1}}))
    assert match_results(results, ["chart_qa"]).values == {"chart_qa": 0.5}
    pope = match_results(read_results("vlmevalkit", out / "vlmevalkit"), ["mme", "vizwiz"])
    assert any("POPE" in note for note in pope.notes)


def test_what_may_mean_several_numbers_is_not_guessed_but_noted(out: Path) -> None:
    file = own(out, gqa={"acc,none": 0.5, "f1,none": 0.6}, mme={"mme_perception_score,none": 1.0}, GQA={"x,none": 1})
    results = read_results("lmms-eval", file)
    found = match_results(results, ["gqa", "mme"])
    assert found.values == {"mme": 1.0}
    assert found.notes[0].startswith("'gqa' can be 2 metrics of 'gqa': acc, f1. Say which with '--map gqa=gqa:METRIC'.")
    with pytest.raises(DataError, match="'gqa' can be 2 metrics"):
        match_results(results, ["gqa"])
    with pytest.raises(DataError, match="'gqa' can be 2 metrics"):
        match_results(results, ["gqa", "mme"], read_mapping(["gqa=gqa"]))
    found = match_results(results, ["Gqa", "mme"])
    assert "'Gqa' can be 2 tasks: 'gqa', 'GQA'. Say which with '--map Gqa=TASK'." in found.notes


def test_a_mapping_says_which_number_it_is(out: Path) -> None:
    results = read_results("lmms-eval", own(out, gqa={"acc,none": 0.5, "f1,none": 0.25}, mme={"x,none": 7}))
    mapping = read_mapping(["gqa=gqa:f1*100", "mme="])
    assert match_results(results, ["gqa", "mme"], mapping).values == {"gqa": 25.0}
    with pytest.raises(DataError, match=r"has no task 'gqaa'. Did you mean 'gqa'\?"):
        match_results(results, ["gqa"], read_mapping(["gqa=gqaa"]))
    with pytest.raises(DataError, match=r"'gqa' has no 'em' in '.*', but acc, f1."):
        match_results(results, ["gqa"], read_mapping(["gqa=gqa:em"]))
    with pytest.raises(StudyError, match=r"'gqqa' is mapped, but is not a benchmark of the study. Did you mean 'gqa'"):
        match_results(results, ["gqa"], read_mapping(["gqqa=gqa"]))


def test_a_published_benchmark_in_fractions_is_not_taken_for_percent(out: Path) -> None:
    results = read_results("lmms-eval", own(out, mmbench_static={"acc,none": 0.64}))
    with pytest.raises(DataError, match=r"is in %. Write '--map mmbench=mmbench_static:acc\*100'"):
        match_results(results, ["mmbench"], read_mapping(["mmbench=mmbench_static"]))
    mapping = read_mapping(["mmbench=mmbench_static:acc*100"])
    assert match_results(results, ["mmbench"], mapping).values == {"mmbench": 64.0}


@pytest.mark.parametrize("word", ["mme", "=mme", "mme=:x", "mme=x:", "mme=x*", "mme=x*nan", "mme=x*0", "mme=x*y", ""])
def test_a_mapping_of_another_form_is_refused(word: str) -> None:
    with pytest.raises(StudyError, match=r"does not name a task. Write BENCHMARK=TASK"):
        read_mapping([word])


def test_a_benchmark_is_mapped_once() -> None:
    with pytest.raises(StudyError, match="'mme' is mapped twice"):
        read_mapping(["mme=a", "mme="])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_none_is_refused_and_can_be_left_out(out: Path, value: float) -> None:
    file = own(out, mme={"mme_perception_score,none": value}, textvqa_val={"exact_match,none": 0.5})
    results = read_results("lmms-eval", file)
    with pytest.raises(DataError, match=r"of 'mme' is (nan|inf) in .* leave it out: '--map mme='"):
        match_results(results, EIGHT)
    assert match_results(results, EIGHT, read_mapping(["mme="])).values == {"textvqa": 50.0}


def test_a_metric_that_was_not_computed_is_refused(out: Path) -> None:
    results = read_results("lmms-eval", own(out, mmbench_en_dev={"gpt_eval_score,none": None, "x,none": 1}))
    with pytest.raises(DataError, match=r"'mmbench_en_dev' has no 'gpt_eval_score' in '.*', but x."):
        match_results(results, EIGHT)


def test_the_development_split_of_mmmu_is_not_its_validation(out: Path) -> None:
    table = next((out / "vlmevalkit").rglob("*MMMU_DEV_VAL_acc.csv"))
    table.write_text('"split","Overall"\n"dev","0.42"\n')
    with pytest.raises(DataError, match="'MMMU_DEV_VAL' has no 'validation/Overall'"):
        match_results(read_results("vlmevalkit", table), ["mmmu"])


def test_a_part_of_a_task_is_refused_unless_that_is_wanted(out: Path) -> None:
    file = own(out, mme={"mme_perception_score,none": 1.0})
    file.write_text(file.read_text().replace('"limit": null', '"limit": 8'))
    results = read_results("lmms-eval", file)
    with pytest.raises(DataError, match=r"on a part of 'mme' only \(limit 8\)"):
        match_results(results, ["mme"])
    wanted = match_results(results, ["mme"], partial=True)
    assert (wanted.values, wanted.versions) == ({"mme": 1.0}, {"mme": "limit 8"})


def test_nothing_of_the_study_is_refused_with_what_there_is(out: Path) -> None:
    with pytest.raises(DataError, match=r"has no benchmark of the study, but mme, textvqa_val. Say which task"):
        match_results(read_results("lmms-eval", out / "lmms-eval-0.3"), ["gqa"])
