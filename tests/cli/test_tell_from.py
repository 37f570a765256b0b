"""``policy tell --from``: results of evaluation tools, as a team tells them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visionlaw.store import Store
from visionlaw.store.studies import ResultRow, read_history

if TYPE_CHECKING:
    from tests.conftest import Outcome

    CLI = Callable[..., Outcome]

FILES = Path(__file__).parents[1] / "fixtures" / "results"
CLIP = "clip/vit-l-14@336"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISIONLAW_STORE", raising=False)
    shutil.copytree(FILES, tmp_path / "out")


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], dict[str, dict[str, ResultRow]]]:
    """Return a function that reads what the study holds; nothing where it has no store."""

    def read() -> dict[str, dict[str, ResultRow]]:
        if not (tmp_path / ".visionlaw").exists():
            return {}
        with Store.of_project(tmp_path / ".visionlaw", create=False) as store, store.reading() as session:
            return {name: dict(rows) for name, rows in read_history(session, "default").results.items()}

    return read


def tell(cli: CLI, *arguments: str) -> dict:
    done = cli("policy", "tell", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_run_of_lmms_eval_is_told_with_tool_and_version(cli: CLI, stored: Callable) -> None:
    done = cli("policy", "tell", "clip@336", "--from", "lmms-eval", "out/lmms-eval-0.7", "--source-version", "0.7.3")
    assert done.code == 0, done.err
    assert "clip/vit-l-14@336: mmbench = 64.26116838" in done.out
    assert "seedbench is seed_image × 100 of seedbench, by lmms-eval 0.7.3 (main@9f1d0c5e): 'out/" in done.err
    assert "Not told: mmbench_en_test. '--map BENCHMARK=TASK'" in done.err
    rows = stored()[CLIP]
    assert len(rows) == 8
    assert rows["mme"].value == 1502.6966786714686
    assert {(row.source, row.source_version) for row in rows.values()} == {("lmms-eval", "0.7.3 (main@9f1d0c5e)")}


def test_the_answer_for_scripts_says_where_each_value_comes_from(cli: CLI) -> None:
    arguments = ("--from", "vlmevalkit", "out/vlmevalkit", "--map", "okvqa=POPE:Overall/acc", "--map", "mmmu=")
    told = tell(cli, "clip@336", *arguments)
    assert told["values"]["okvqa"]["value"] == 86.9
    assert told["missing"] == ["mmmu"]
    assert told["source"] == "vlmevalkit"
    origin = told["from"]["okvqa"]
    assert (origin["task"], origin["metric"], origin["factor"]) == ("POPE", "Overall/acc", 1.0)
    assert origin["version"] == "git 9e8d7c6b"
    assert origin["file"].endswith("llava-clip-336_POPE_score.csv")
    assert told["notes"][0].startswith("'MME' is in 2 files: the newest counts, ")


def test_the_law_is_fitted_on_what_was_read(cli: CLI) -> None:
    tell(cli, "clip@336", "--from", "lmms-eval", "out/lmms-eval-0.7")
    tell(cli, "sdxl@512", "mme=1213", "--source", "lmms-eval")
    ranking = json.loads(cli("policy", "rank", "--benchmark", "mme", "--json").out)
    assert ranking["results"]["mme"] == 2
    assert {row["observed"] for row in ranking["rows"]} == {1502.6966786714686, 1213.0, None}


def test_tools_do_not_mix_unless_forced(cli: CLI, stored: Callable) -> None:
    tell(cli, "clip@336", "--from", "lmms-eval", "out/lmms-eval-0.7", "--map", "textvqa=")
    before = stored()
    arguments = ("policy", "tell", "clip@224", "--from", "vlmevalkit", "out/vlmevalkit")
    refused = cli(*arguments)
    assert refused.code == 2
    assert "'mmbench' of 'clip/vit-l-14@336' was measured by lmms-eval of unknown version" in refused.err
    assert stored() == before  # textvqa, which nobody has measured yet, is not told either
    assert cli(*arguments, "--force").code == 0
    assert stored()["clip/vit-l-14@224"]["mmbench"].source == "vlmevalkit"


def test_layouts_of_different_versions_do_not_mix(cli: CLI, stored: Callable) -> None:
    tell(cli, "clip@336", "--from", "lmms-eval", "out/lmms-eval-0.1", "--source-version", "0.1.2")
    assert stored()[CLIP]["mme"].source_version == "0.1.2 (git 10e80a4)"
    newer = cli("policy", "tell", "clip@224", "--from", "lmms-eval", "out/lmms-eval-0.3")
    assert (newer.code, "Say the version with '--source-version'" in newer.err) == (2, True)
    newer = cli("policy", "tell", "clip@224", "--from", "lmms-eval", "out/lmms-eval-0.3", "--source-version", "0.3.0")
    assert (newer.code, "by lmms-eval 0.1, that of 'clip/vit-l-14@224' by lmms-eval 0.3" in newer.err) == (2, True)
    by_hand = cli("policy", "tell", "clip@224", "mme=1449.6")
    assert by_hand.code == 0  # no tool is named: whether it compares is the user's to know


def test_telling_the_files_again_changes_nothing_and_newer_ones_replace(cli: CLI, stored: Callable) -> None:
    arguments = ("clip@336", "--from", "vlmevalkit", "out/vlmevalkit/llava-clip-336/T20260109_G1a2b3c4d")
    tell(cli, *arguments)
    before = stored()
    tell(cli, *arguments)
    assert stored() == before
    told = tell(cli, "clip@336", "--from", "vlmevalkit", "out/vlmevalkit")
    assert told["values"]["mme"] == {"value": 1502.6966786714686, "previous": 1400.0}


REFUSED = {
    "no such tool": (("--from", "lm-eval", "out"), "is not an evaluation tool"),
    "no such path": (("--from", "lmms-eval", "nowhere"), "'nowhere' does not exist"),
    "no results": (("--from", "lmms-eval", "out/vlmevalkit"), "holds no results of lmms-eval"),
    "by hand too": (("mme=1", "--from", "lmms-eval", "out/lmms-eval-0.7"), "by hand or from a tool's files"),
    "failed too": (("--failed", "x", "--from", "lmms-eval", "out/lmms-eval-0.7"), "results or it failed, not both"),
    "another source": (("--from", "lmms-eval", "out/lmms-eval-0.7", "--source", "x"), "Leave out '--source'"),
    "another version": (
        ("--from", "lmms-eval", "out/lmms-eval-0.1", "--source-version", "0.7"),
        "but the file is one of",
    ),
    "no mapping": (("--from", "lmms-eval", "out/lmms-eval-0.7", "--map", "mme"), "does not name a task"),
    "mapped task missing": (("--from", "lmms-eval", "out/lmms-eval-0.7", "--map", "mme=mmee"), "Did you mean 'mme'?"),
    "mapped, not asked": (
        ("--from", "lmms-eval", "out/lmms-eval-0.7", "--map", "gqa=mme"),
        "not a benchmark of the study",
    ),
    "ambiguous": (("--from", "vlmevalkit", "out/vlmevalkit", "--map", "okvqa=POPE:acc"), "can be 2 metrics of 'POPE'"),
    "map without files": (("mme=1", "--map", "mme=mme"), "Add '--from TOOL PATH'"),
    "only a tool": (("--from", "lmms-eval"), "requires 2 arguments"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_one_sentence_and_leaves_nothing_behind(cli: CLI, tmp_path: Path, case: str) -> None:
    arguments, says = REFUSED[case]
    done = cli("policy", "tell", "clip@336", *arguments)
    assert done.code == 2
    assert says in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not (tmp_path / ".visionlaw").exists()


def test_a_representation_nobody_knows_is_refused(cli: CLI, tmp_path: Path) -> None:
    done = cli("policy", "tell", "clap@336", "--from", "lmms-eval", "out/lmms-eval-0.7")
    assert (done.code, "Did you mean 'clip@336'" in done.err) == (2, True)
    assert not (tmp_path / ".visionlaw").exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    benchmark=st.sampled_from(["mmbench_en_dev", "mme", "vizwiz_vqa_val"]),
    value=st.sampled_from(["NaN", "null", "-Infinity"]),
)
def test_one_bad_value_keeps_all_others_from_being_told(
    cli: CLI, stored: Callable, tmp_path: Path, benchmark: str, value: str
) -> None:
    run = json.loads((FILES / "lmms-eval-0.7/checkpoints__llava-clip-336/20260311_142530_results.json").read_text())
    metrics = run["results"][benchmark]
    for metric in [key for key in metrics if key.endswith(",none") and "stderr" not in key]:
        metrics[metric] = "VALUE"
    file = tmp_path / "bad_results.json"
    file.write_text(json.dumps(run).replace('"VALUE"', value))
    done = cli("policy", "tell", "clip@336", "--from", "lmms-eval", str(file))
    assert (done.code, f"'{benchmark}'" in done.err) == (2, True)
    assert stored() == {}
