"""The files of each tool, in each layout that it has had."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from visionlaw.errors import DataError, StudyError
from visionlaw.policy.results import TOOLS, read_results

NEW = "lmms-eval-0.7/checkpoints__llava-clip-336/20260311_142530_results.json"
OLD = "lmms-eval-0.1/0713_0412_llava_v1.5_llava_model_args_d4f2ae/results.json"
KIT = "vlmevalkit/llava-clip-336/T20260311-142530"


def change(file: Path, edit: Callable[[dict[str, Any]], object], to: Path | None = None) -> Path:
    run = json.loads(file.read_text())
    edit(run)
    (to or file).parent.mkdir(parents=True, exist_ok=True)
    (to or file).write_text(json.dumps(run))
    return to or file


# lmms-eval


def test_lmms_eval_writes_one_file_a_run(out: Path) -> None:
    found = read_results("lmms-eval", out / "lmms-eval-0.7")
    mme = found.tasks["mme"]
    assert mme.metrics == {"mme_cognition_score": 310.7142857142857, "mme_perception_score": 1502.6966786714686}
    assert (mme.model, mme.version) == ("checkpoints/llava-clip-336", "main@9f1d0c5e")
    assert mme.when == datetime(2026, 3, 11, 14, 25, 30)
    assert found.tasks["ok_vqa_val2014"].metrics == {"exact_match": 0.5320253666270314}  # neither errors nor counts
    assert found.tasks["mmbench_en_test"].metrics == {}  # a submission is no value
    assert not {"ok_vqa", "mmbench_en"} & set(found.tasks)  # groups have no value of their own


def test_lmms_eval_before_it_wrote_its_version(out: Path) -> None:
    found = read_results("lmms-eval", out / "lmms-eval-0.3")
    assert found.tasks["textvqa_val"].metrics == {"exact_match": 0.46042}
    assert found.tasks["mme"].version == "git v0.3.0-4-gd1e2f3a"


def test_lmms_eval_0_1_as_the_publications_vendor_it(out: Path) -> None:
    found = read_results("lmms-eval", out / "lmms-eval-0.1")
    assert found.tasks["mme"].metrics["mme_percetion_score"] == 1502.6966786714686
    assert found.tasks["mme"].version == "0.1 (git 10e80a4)"
    assert found.tasks["mme"].model == "checkpoints/llava-clip-336"
    assert [task.task for task in found.tasks.values() if task.group] == ["ok_vqa"]


def test_a_version_that_is_not_known_stays_unknown(out: Path) -> None:
    change(out / NEW, lambda run: run.update(lmms_eval_version="unknown@unknown", git_hash=None))
    assert read_results("lmms-eval", out / NEW).tasks["mme"].version == ""


def test_filters_are_told_apart(out: Path) -> None:
    values = {"exact_match,strict-match": 0.1, "exact_match,flexible-extract": 0.2, "acc,none": 0.3, "acc_stderr,x": 1}
    change(out / NEW, lambda run: run["results"].update(own=values))
    own = read_results("lmms-eval", out / NEW).tasks["own"]
    assert own.metrics == {"strict-match/exact_match": 0.1, "flexible-extract/exact_match": 0.2, "acc": 0.3}
    assert own.find("exact_match") == ("strict-match/exact_match", "flexible-extract/exact_match")


def test_numbers_that_python_could_not_write_are_read_from_their_text(out: Path) -> None:
    change(out / NEW, lambda run: run["results"].update(own={"acc,none": "0.5", "anls,none": "nan", "f1,none": True}))
    metrics = read_results("lmms-eval", out / NEW).tasks["own"].metrics
    assert metrics["acc"] == 0.5
    assert math.isnan(metrics["anls"])
    assert "f1" not in metrics


@pytest.mark.parametrize("limit", [None, -1, 0, 8, 0.25])
def test_a_limited_run_says_so(out: Path, limit: float | None) -> None:
    change(out / NEW, lambda run: run["config"].update(limit=limit))
    partial = read_results("lmms-eval", out / NEW).tasks["mme"].partial
    assert partial == ({8: "limit 8", 0.25: "limit 0.25"}.get(limit, "") if limit else "")


# VLMEvalKit


def test_vlmevalkit_writes_one_table_a_data_set(out: Path) -> None:
    found = read_results("vlmevalkit", out / "vlmevalkit")
    assert set(found.tasks) == {
        "MMBench_DEV_EN", "MME", "SEEDBench_IMG", "MMMU_DEV_VAL", "ScienceQA_TEST", "TextVQA_VAL", "VizWiz", "POPE"
    }  # fmt: skip
    assert found.tasks["MMBench_DEV_EN"].metrics["dev/Overall"] == 0.6426116838487973
    assert found.tasks["SEEDBench_IMG"].metrics["Overall"] == 0.6609288273729502
    assert found.tasks["MMMU_DEV_VAL"].find("Overall") == ("dev/Overall", "validation/Overall")
    assert found.tasks["TextVQA_VAL"].metrics == {"Overall": 46.042}
    assert {task.model for task in found.tasks.values()} == {"llava-clip-336"}
    assert {task.version for task in found.tasks.values()} == {"git 9e8d7c6b"}


def test_the_older_run_folder_has_the_commit_in_its_name(out: Path) -> None:
    old = read_results("vlmevalkit", out / "vlmevalkit/llava-clip-336/T20260109_G1a2b3c4d")
    assert old.tasks["MME"].version == "git 1a2b3c4d"
    assert old.tasks["MME"].when.date().isoformat() == "2026-01-09"


def test_the_links_beside_the_runs_are_the_same_files(out: Path) -> None:
    model = out / "vlmevalkit/llava-clip-336"
    (model / "llava-clip-336_MME_score.csv").symlink_to(out / KIT / "llava-clip-336_MME_score.csv")
    assert len(read_results("vlmevalkit", model).tasks["MME"].older) == 1  # the January run alone


def test_a_table_away_from_its_folder_is_found_by_the_end_of_its_name(out: Path, tmp_path: Path) -> None:
    moved = tmp_path / "mailed" / "llava-clip-336_MME_score.csv"
    moved.parent.mkdir()
    (out / KIT / "llava-clip-336_MME_score.csv").rename(moved)
    found = read_results("vlmevalkit", moved)
    assert [task.metrics["perception"] for task in found.find("mme")] == [1502.6966786714686]
    assert found.find("me") == ()


# Several files


def test_the_newest_file_counts_task_by_task_whatever_the_order_of_writing(out: Path) -> None:
    newer = out / NEW.replace("20260311_142530", "20260401_080000")
    change(out / NEW, lambda run: (run["results"].clear(), run["results"].update(mme={"s,none": 2})), newer)
    change(newer, lambda run: run.update(date="20260401_080000"))
    os.utime(newer, (0, 0))  # copied without its time
    found = read_results("lmms-eval", out / "lmms-eval-0.7")
    assert found.tasks["mme"].metrics == {"s": 2.0}
    assert [file.name for file in found.tasks["mme"].older] == ["20260311_142530_results.json"]
    assert found.tasks["mmmu_val"].older == ()
    found = read_results("vlmevalkit", out / "vlmevalkit")
    assert found.tasks["MME"].metrics["perception"] == 1502.6966786714686
    assert [file.parent.name for file in found.tasks["MME"].older] == ["T20260109_G1a2b3c4d"]


def test_results_of_two_models_are_refused(out: Path) -> None:
    change(
        out / NEW, lambda run: run.update(model_name="other"), out / "lmms-eval-0.7/other/20260101_000000_results.json"
    )
    with pytest.raises(DataError, match="results of 2 models: 'checkpoints/llava-clip-336', 'other'"):
        read_results("lmms-eval", out / "lmms-eval-0.7")
    (out / "vlmevalkit/other").mkdir()
    (out / "vlmevalkit/other/other_MME_score.csv").write_text('"perception"\n"1"\n')
    with pytest.raises(DataError, match="results of 2 models: 'llava-clip-336', 'other'"):
        read_results("vlmevalkit", out / "vlmevalkit")


# What cannot be read


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is not JSON"),
        ('{"results": {"mme": {"mme_perc', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "is not a results file of lmms-eval"),
        ('{"results": [1]}', "is not a results file of lmms-eval"),
        ('{"doc_id": 0}', "is not a results file of lmms-eval"),
        (b"\xff\xfe\x00", "is not JSON"),
    ],
)
def test_a_broken_file_of_lmms_eval_is_named(tmp_path: Path, content: str | bytes, says: str) -> None:
    file = tmp_path / "x_results.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f"x_results.json' {says}"):
        read_results("lmms-eval", tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no results"),
        (b'"split","Overall"\n', "has no results"),
        (b'"split","Overall"\n"dev"\n', "is cut off or broken"),
        (b'"Overall"\n"1","2"\n', "is cut off or broken"),
        (b'"split","Overall"\n"a","1"\n"a","2"\n', "has two rows of 'a/Overall'"),
        (b"\xff\xfe\x00\n1\n", "is not a CSV table"),
    ],
)
def test_a_broken_table_of_vlmevalkit_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "m_X_acc.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"m_X_acc.csv' {says}"):
        read_results("vlmevalkit", tmp_path)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_not_there(tmp_path: Path, tool: str) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_results(tool, tmp_path / "nothing")
    with pytest.raises(DataError, match=f"holds no results of {tool}"):
        read_results(tool, tmp_path)


def test_the_files_of_one_tool_are_not_those_of_the_other(out: Path) -> None:
    with pytest.raises(DataError, match="holds no results of vlmevalkit"):
        read_results("vlmevalkit", out / "lmms-eval-0.7")
    with pytest.raises(DataError, match="is not a results file of VLMEvalKit"):
        read_results("vlmevalkit", out / NEW)
    with pytest.raises(DataError, match="is not JSON"):
        read_results("lmms-eval", out / KIT / "llava-clip-336_MME_score.csv")
    with pytest.raises(StudyError, match=r"'lmms_eval' is not an evaluation tool .* Did you mean 'lmms-eval'"):
        read_results("lmms_eval", out)


def test_a_file_in_an_old_layout_stands_where_the_new_ones_are_looked_for(out: Path) -> None:
    assert read_results("lmms-eval", out / OLD).tasks == read_results("lmms-eval", out / "lmms-eval-0.1").tasks
