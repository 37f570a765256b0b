"""The policy's verbs, as a team and its scripts see them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from visionlaw.policy.sources import candidates_of
from visionlaw.project import Project
from visionlaw.store import Store

if TYPE_CHECKING:
    from tests.conftest import Outcome

    CLI = Callable[..., Outcome]

PAIR = "clip/vit-l-14@336 + dinov2/large@336"

SINGLE = """
[space]
representations = ["good/small@224", "good/large@224", "good/small@224 + good/large@224", "later/net@224"]
[space.aliases]
both = "good/small@224 + good/large@224"
[alignment]
definition = "loglik"
[benchmarks]
vqa = { name = "VQA", kind = "vision" }
wer = { name = "Word errors", kind = "ocr", higher_is_better = false }
[policy]
mode = "single"
benchmarks = ["wer"]
budget = 2
scores = "scores.csv"
"""
SCORES = """setting,benchmark,performance,a_loglik,c
good/small@224,wer,,-2.0,10
good/large@224,wer,,-1.5,30
both,wer,,-1.0,20
"""


@pytest.fixture
def project(tmp_path: Path, installed: Callable[..., None], cli: CLI, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VISIONLAW_STORE", raising=False)
    installed("good")
    (tmp_path / "registry.toml").write_text(SINGLE)
    (tmp_path / "scores.csv").write_text(SCORES)
    return tmp_path


def read(cli: CLI, *arguments: str) -> dict:
    done = cli("policy", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_study_of_the_shipped_space_from_ask_to_rank(cli: CLI, tmp_path: Path) -> None:
    asked = read(cli, "ask", "-n", "3")
    assert len({row["representation"] for row in asked["asked"]}) == 3
    assert asked["left"] == 1
    assert {row["representation"] for row in asked["not_scored"]} == {"siglip/large-16@256", "siglip2/large-16@256"}
    assert set(asked["asked"][0]) == {"representation", "position", "reason", "A", "C", "predicted", "explanation"}
    for i, row in enumerate(asked["asked"]):
        read(cli, "tell", row["representation"], f"mmbench={60 + i}", f"mme={1400 + i}", "--source", "lmms-eval 0.7")
    worst = "sd3/medium@512"
    told = read(cli, "tell", "sd3@512", "mmbench=65")
    assert told == {
        "study": "default",
        "status": "done",
        "representation": worst,
        "values": {"mmbench": {"value": 65.0, "previous": None}},
        "from_outside": True,
        "missing": ["mme", "okvqa", "seedbench", "mmmu", "textvqa", "vizwiz", "scienceqa"],
        "enters_law": True,
    }
    ranking = read(cli, "rank", "--benchmark", "mmbench")
    assert [row["rank"] for row in ranking["rows"]] == list(range(1, 14))
    assert {row["benchmark"] for row in ranking["rows"]} == {"mmbench"}
    assert ranking["results"]["mmbench"] == 4
    assert all(row["standard_error"] >= 0 for row in ranking["rows"])
    status = read(cli, "status")
    assert (status["asked"], status["left"], status["budget"]) == (3, 1, 4)
    assert status["best"]["mmbench"] == {"representation": worst, "value": 65.0}
    assert status["trials"][0]["asked"].endswith("+00:00")
    assert (tmp_path / ".visionlaw" / "results.sqlite").exists()


def test_the_answers_read_as_sentences(cli: CLI) -> None:
    asked = cli("policy", "ask")
    assert "Train next: " in asked.out
    assert "Why: Its chance of being the best of all is " in asked.out
    assert "Then: visionlaw policy tell" in asked.out
    assert "3 of 4 finetunings are left to ask for." in asked.out
    assert "Not scored yet" in asked.err
    told = cli("policy", "tell", "clip@336", "mme=1500", "mmbench=64")
    assert "clip/vit-l-14@336: mme = 1500" in told.out
    assert "mme = 1501 (replaces 1500)" in cli("policy", "tell", "clip@336", "mme=1501").out
    ranked = cli("policy", "rank", "--benchmark", "mme").out
    assert "best: chance of being the best of all, by which they are ranked" in ranked
    assert "From 1 result of this study." in ranked
    assert "mean rank" in cli("policy", "rank").out
    failed = cli("policy", "tell", "sdxl@512", "--failed", "diverged at step 40")
    assert "sdxl/base@512: failed (diverged at step 40)" in failed.out
    status = cli("policy", "status").out
    assert "diverged at step 40" in status
    assert "best on mme: 1501  clip/vit-l-14@336" in status


def test_the_published_policy_is_a_setting_away(cli: CLI, tmp_path: Path) -> None:
    cli("init")
    path = tmp_path / "registry.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('sampler = "bayes"', 'sampler = "region"'))
    assert "Why: Region sampling cuts the (A, C) plane into 2×2" in cli("policy", "ask").out
    cli("policy", "tell", "clip@336", "mme=1500")
    assert "mme (1), okvqa (0)" in cli("policy", "rank").err
    cli("policy", "tell", "clip@224", "mme=1450")
    assert "Fitted to 2 results; standard errors need 3." in cli("policy", "rank", "--benchmark", "mme").out
    assert "mean rank" in cli("policy", "rank").out


def test_reading_leaves_nothing_behind(cli: CLI, tmp_path: Path) -> None:
    assert cli("policy", "status").code == 0
    assert cli("policy", "rank").code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_project_with_its_own_scores(cli: CLI, project: Path) -> None:
    asked = {row["representation"] for row in read(cli, "ask", "-n", "2")["asked"]}
    assert len(asked) == 2
    for name, value in (("good/small@224", 30), ("good/large@224", 20), ("both", 10)):
        read(cli, "tell", name, f"wer={value}")
    ranking = read(cli, "rank")
    assert [row["predicted"] for row in ranking["rows"]] == pytest.approx([10, 20, 30], abs=0.2)  # lower is better
    assert ranking["not_scored"] == [
        {
            "representation": "later/net@224",
            "missing": ["A", "C"],
            "remedy": f"add 'later/net@224' to '{project / 'scores.csv'}'",
        }
    ]
    (project / "scores.csv").write_text(SCORES + "later/net@224,wer,,-1.2,15\n")
    assert read(cli, "status")["open"] == ["later/net@224"]
    assert {row["representation"] for row in read(cli, "rank")["rows"]} >= {"later/net@224"}
    spent = cli("policy", "ask")
    assert (spent.code, "raise budget" in spent.err) == (2, True)
    (project / "registry.toml").write_text(SINGLE.replace("budget = 2", "budget = 3"))
    assert read(cli, "ask")["asked"][0]["representation"] == "later/net@224"


def test_studies_of_several_names_stand_side_by_side(cli: CLI) -> None:
    first = read(cli, "ask")["asked"]
    assert [r["representation"] for r in read(cli, "ask", "--study", "again")["asked"]] == [
        r["representation"] for r in first
    ]
    assert "--study again" in cli("policy", "ask", "--study", "again").out


OWN_DATA = """
[space]
representations = ["toyscore/mean@64", "toyscore/fine@64"]
[alignment]
definition = "loglik"
[correspondence]
dataset = "toypairs"
roots = { toyfolder = "pages" }
[benchmarks]
vqa = { name = "VQA", kind = "vision" }
doc = { name = "Documents", kind = "ocr", correspondence = "toyfolder" }
gqa = { name = "GQA", kind = "vision" }
[policy]
scores = { A = "a.csv" }
"""


def test_a_study_joins_a_of_a_file_with_c_on_each_benchmarks_own_data(cli: CLI, plugin: Path, tmp_path: Path) -> None:
    rows = [f"toyscore/{name}@64,{b},{a}" for name, a in (("mean", -2), ("fine", -1)) for b in ("vqa", "doc", "gqa")]
    (tmp_path / "a.csv").write_text("\n".join(["setting,benchmark,a_loglik", *rows]) + "\n")
    (tmp_path / "registry.toml").write_text(OWN_DATA)
    (tmp_path / "pages").mkdir()
    for number in range(3):
        page = Image.effect_noise((70, 65), 10 + 40 * number).convert("RGB")
        page.save(tmp_path / "pages" / f"{number}.png")

    lacking = read(cli, "status")["not_scored"]
    assert [row["missing"] for row in lacking] == [["C"], ["C"]]
    for command in (command for row in lacking for command in row["remedy"].split("; ")):
        done = cli(*shlex.split(command)[1:])
        assert done.code == 0, (command, done.err)

    status = read(cli, "status")
    assert status["open"] == ["toyscore/mean@64", "toyscore/fine@64"]
    assert status["c_from"] == {"vqa": "toypairs", "doc": "toyfolder", "gqa": "toypairs"}
    assert status["scores"] == "A: a.csv, C: store"
    shown = cli("policy", "status").out
    assert f"A (loglik) from {tmp_path / 'a.csv'}" in shown
    assert "C from toypairs for vqa, gqa; toyfolder for doc." in shown
    measured = {
        row["dataset"]: row["value"]
        for dataset in ("toypairs", "toyfolder")
        for row in json.loads(cli("score", "correspondence", "toyscore/mean@64", "--dataset", dataset, "--json").out)
    }
    assert measured["toypairs"] != measured["toyfolder"]
    asked = read(cli, "ask", "-n", "2")
    mean = next(row for row in asked["asked"] if row["representation"] == "toyscore/mean@64")
    assert mean["C"] == {"vqa": measured["toypairs"], "doc": measured["toyfolder"], "gqa": measured["toypairs"]}
    assert mean["A"]["doc"] == -2
    assert asked["c_from"] == status["c_from"]
    assert read(cli, "rank", "--benchmark", "doc")["c_from"] == {"doc": "toyfolder"}
    assert "C from toyfolder." in cli("policy", "rank", "--benchmark", "doc").out
    assert "C from toypairs for vqa, gqa; toyfolder for doc." in cli("policy", "rank").out


def draw_pages(folder: Path, seed: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(3):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        small.resize((70, 65), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def test_a_score_on_another_folder_changes_no_study(cli: CLI, plugin: Path, tmp_path: Path) -> None:
    """Only C of the folder that registry.toml names counts; and of that, what was asked for last."""
    rows = [f"toyscore/{name}@64,{b},{a}" for name, a in (("mean", -2), ("fine", -1)) for b in ("vqa", "doc", "gqa")]
    (tmp_path / "a.csv").write_text("\n".join(["setting,benchmark,a_loglik", *rows]) + "\n")
    (tmp_path / "registry.toml").write_text(OWN_DATA.replace("[benchmarks]", "alpha = 0.6\n[benchmarks]"))
    draw_pages(tmp_path / "pages", 10)
    other = draw_pages(tmp_path / "others", 20)

    def c_of_mean() -> float:
        here = Project.find()
        with Store.of_project(here.state_dir, create=False) as store:
            return float(candidates_of(here, store, ("doc",)).C[0, 0])

    assert cli("score", "correspondence").code == 0
    own = c_of_mean()
    elsewhere = cli("score", "correspondence", "toy-mean", "--dataset", "toyfolder", "--data", str(other), "--json")
    assert json.loads(elsewhere.out)[0]["value"] != own
    assert c_of_mean() == own
    assert read(cli, "status")["not_scored"] == []
    shutil.rmtree(tmp_path / "pages")
    draw_pages(tmp_path / "pages", 30)
    assert cli("score", "correspondence", "toy-mean").code == 0
    assert [row["representation"] for row in read(cli, "status")["not_scored"]] == ["toyscore/fine@64"]
    shutil.rmtree(tmp_path / "pages")
    draw_pages(tmp_path / "pages", 10)
    assert cli("score", "correspondence").code == 0, "read from the store, and the last one asked for"
    assert read(cli, "status")["not_scored"] == []
    assert c_of_mean() == own


@pytest.mark.parametrize("scorer", ["correspondence?alpha=0.3", "correspondence?protocol=reference"])
def test_c_of_a_scorer_with_options_counts(cli: CLI, plugin: Path, tmp_path: Path, scorer: str) -> None:
    """What 'score correspondence' measures by a registry.toml is what 'policy' looks for by the same file."""
    own = OWN_DATA.replace('roots = { toyfolder = "pages" }', f'scorer = "{scorer}"')
    (tmp_path / "registry.toml").write_text(own.replace('"toyfolder"', '"toypairs"'))
    rows = [f"toyscore/{name}@64,{b},-1" for name in ("mean", "fine") for b in ("vqa", "doc", "gqa")]
    (tmp_path / "a.csv").write_text("\n".join(["setting,benchmark,a_loglik", *rows]) + "\n")
    assert cli("score", "correspondence").code == 0
    assert read(cli, "status")["not_scored"] == []


def test_a_and_c_may_come_from_two_tables_and_only_a_has_to_follow_the_studys_definition(
    cli: CLI, tmp_path: Path
) -> None:
    cli("init")
    path = tmp_path / "registry.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('scores = "iclr2025"', 'scores = { A = "iclr2025", C = "colm2025" }'))
    asked = read(cli, "ask")
    assert set(asked["c_from"].values()) == {"colm2025"}
    assert "A (maxcos) from iclr2025" in cli("policy", "status").out
    path.write_text(text.replace('scores = "iclr2025"', 'scores = { A = "colm2025", C = "iclr2025" }'))
    refused = cli("policy", "ask", "--study", "other")
    assert (refused.code, "A of 'colm2025' is loglik" in refused.err) == (2, True)


def test_c_on_data_that_no_plugin_here_provides_still_counts(cli: CLI, project: Path) -> None:
    from visionlaw.store import ScoreRow, Store

    text = SINGLE.replace('scores = "scores.csv"', 'scores = { A = "scores.csv" }')
    named = text.replace('kind = "ocr",', 'kind = "ocr", correspondence = "gone?pairs=200",')
    (project / "registry.toml").write_text(named)
    refused = cli("policy", "ask")
    assert refused.code == 2
    assert 'visionlaw score correspondence "good/small@224" --dataset "gone?pairs=200"' in refused.err
    with Store.open(project / ".visionlaw" / "results.sqlite") as store:
        run = store.start_run("test", {})
        row = ScoreRow("good/small@224", "correspondence", "gone?pairs=200", "1", "strict", 1.0, params={"alpha": 0.1})
        store.record_scores([row, replace(row, dataset="warps", value=9.0)], run)
    asked = read(cli, "ask")
    assert (asked["asked"][0]["C"], asked["c_from"]) == ({"wer": 1.0}, {"wer": "gone?pairs=200"})
    assert "C from gone?pairs=200." in cli("policy", "status").out


@pytest.mark.parametrize(
    ("setting", "counted"),
    [("", 1.0), ('matcher = "softargmax"', 2.0), ('protocol = "reference"', 3.0), ('scorer = "x/own"', 4.0)],
)
def test_c_is_that_of_the_protocol_matcher_and_scorer_that_the_space_names(
    cli: CLI, project: Path, setting: str, counted: float
) -> None:
    from visionlaw.store import ScoreRow, Store

    text = SINGLE.replace('scores = "scores.csv"', 'scores = { A = "scores.csv" }')
    (project / "registry.toml").write_text(f"{text}[correspondence]\n{setting}\n")
    base = ScoreRow("good/small@224", "correspondence", "warps", "1", "strict", 1.0, params={"alpha": 0.1})
    others = (
        replace(base, value=2.0, params={"alpha": 0.1, "matcher": "softargmax"}),
        replace(base, value=3.0, protocol="reference"),
        replace(base, value=4.0, scorer="x/own", protocol="own", params={}),
    )
    with Store.open(project / ".visionlaw" / "results.sqlite") as store:
        store.record_scores([base, *others], store.start_run("test", {}))
    assert read(cli, "ask")["asked"][0]["C"] == {"wer": counted}


def test_scores_that_this_project_measured(cli: CLI, project: Path) -> None:
    from visionlaw.store import ScoreRow, Store

    (project / "registry.toml").write_text(SINGLE.replace('scores = "scores.csv"', ""))
    nothing = cli("policy", "ask")
    assert nothing.code == 2
    assert "0 open candidates" in nothing.err
    assert 'visionlaw score correspondence "good/small@224"' in nothing.err
    with Store.open(project / ".visionlaw" / "results.sqlite") as store:
        run = store.start_run("test", {})
        for name, value in (("good/small@224", 1.0), ("good/large@224", 2.0)):
            store.record_scores(
                [
                    ScoreRow(name, "correspondence", "warps", "1", "strict", value, params={"alpha": 0.1}),
                    ScoreRow(name, "loglik", "list", "1", "loglik", -value),
                ],
                run,
            )
    assert {row["representation"] for row in read(cli, "ask", "-n", "2")["asked"]} == {
        "good/small@224",
        "good/large@224",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tell", "clpi@336", "mme=1"), "Did you mean 'clip@336'"),
        (("tell", "clip@336", "mm=1"), "Did you mean 'mme'"),
        (("tell", "clip@336", "mme=nan"), "nan on 'mme' is not a result"),
        (("tell", "clip@336", "mme=high"), "'mme=high' is not a result"),
        (("tell", "clip@336", "1500"), "'1500' is not a result"),
        (("tell", "clip@336", "mme=1_500"), "'mme=1_500' is not a result"),
        (("tell", "clip@336", "--failed", " "), "The failure has no reason"),
        (("tell", "clip@336", "=1500"), "'=1500' is not a result"),
        (("tell", "clip@336", "mme=1", "mme=2"), "'mme' is given twice"),
        (("tell", "clip@336"), "No result was given"),
        (("tell", "clip@336", "mme=1", "--failed", "x"), "not both"),
        (("rank", "--benchmark", "mmbnch"), "Did you mean 'mmbench'"),
        (("ask", "-n", "9"), "has 4 of its 4 finetunings left to ask for, not 9"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2_and_leave_nothing_behind(
    cli: CLI, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = cli("policy", *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert list(tmp_path.iterdir()) == []
    assert json.loads(cli("policy", "status", "--json").out)["trials"] == []


def test_a_result_keeps_the_tool_that_measured_it_and_its_version(cli: CLI, tmp_path: Path) -> None:
    from visionlaw.store import Store
    from visionlaw.store.studies import read_history

    read(cli, "tell", "clip@336", "mme=1500", "--source", "lmms-eval", "--source-version", "0.7")
    with Store.open(tmp_path / ".visionlaw" / "results.sqlite") as store, store.reading() as session:
        told = read_history(session, "default").results["clip/vit-l-14@336"]["mme"]
    assert (told.source, told.source_version) == ("lmms-eval", "0.7")


def test_a_single_study_needs_exactly_one_benchmark(cli: CLI, tmp_path: Path) -> None:
    cli("init")
    path = tmp_path / "registry.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('mode = "joint"', 'mode = "single"'))
    for verb in ("ask", "status"):
        done = cli("policy", verb)
        assert done.code == 2
        assert "A study of mode 'single' has exactly one benchmark, not 8." in done.err
        assert '→ Write benchmarks = ["mmbench"] under [policy] of registry.toml, or mode = "joint".' in done.err
    path.write_text(path.read_text(encoding="utf-8").replace("benchmarks = []", 'benchmarks = ["mmbench"]'))
    assert read(cli, "status")["benchmarks"] == ["mmbench"]


CLIP = ["clip_import_error", "clip_degraded", "clip_conflict", "clip_incompatible", "clip_disabled", "clip_missing"]


@pytest.mark.parametrize("case", CLIP)
def test_the_policy_needs_no_encoder_plugin(
    cli: CLI, unusable_clip: Callable[[str], tuple[str, ...]], tmp_path: Path, case: str
) -> None:
    before = unusable_clip(case)

    def policy(*arguments: str) -> dict:
        done = cli(*before, "policy", *arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    first = policy("ask")["asked"][0]["representation"]
    assert policy("tell", "dinov2@336 + clip@336", "mme=1500", "mmbench=64")["representation"] == PAIR
    assert policy("tell", "clip@336", "mme=1400", "mmbench=60")["representation"] == "clip/vit-l-14@336"
    assert policy("tell", "clip/vit-l-14@224", "--failed", "diverged")["status"] == "failed"
    assert {"clip/vit-l-14@224", "clip/vit-l-14@336", PAIR} <= {r["representation"] for r in policy("rank")["rows"]}
    status = policy("status")
    assert status["best"]["mme"] == {"representation": PAIR, "value": 1500.0}
    assert first in {trial["representation"] for trial in status["trials"]}
    assert policy("replay", "--trials", "2", "--budget", "1")["sampler"] == "bayes"


def test_a_benchmark_that_the_space_does_not_define(cli: CLI, project: Path) -> None:
    (project / "registry.toml").write_text(SINGLE.replace('benchmarks = ["wer"]', 'benchmarks = ["werr"]'))
    done = cli("policy", "status")
    assert done.code == 2
    assert "'werr'" in done.err
    assert "'wer'" in done.err


def test_a_definition_of_a_that_the_scores_do_not_have(cli: CLI, project: Path) -> None:
    (project / "registry.toml").write_text(SINGLE.replace('"loglik"', '"maxcos"'))
    done = cli("policy", "ask")
    assert (done.code, "the two never mix" in done.err) == (2, True)
    assert not (project / ".visionlaw").exists()


def test_a_store_that_is_none(cli: CLI, tmp_path: Path) -> None:
    (tmp_path / ".visionlaw").mkdir()
    (tmp_path / ".visionlaw" / "results.sqlite").write_text("nonsense" * 1000)
    for verb in ("status", "rank", "ask"):
        done = cli("policy", verb)
        assert (done.code, "damaged, or it is not a database" in done.err) == (2, True)


def test_the_how_to_runs_as_it_stands(cli: CLI) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "run-a-study.md"
    text = page.read_text(encoding="utf-8")
    commands = [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("$ visionlaw ")]
    assert len(commands) >= 8
    done = [cli(*command) for command in commands]
    assert [d.err for d in done if d.code] == []
    shown, why = text.split("$ visionlaw policy ask\n")[1].splitlines()[:2]
    asked = done[commands.index(["policy", "ask"])]
    assert shown in asked.out
    assert why.removesuffix(" …") in asked.out


def test_commands_at_once_never_get_the_same_answer(tmp_path: Path) -> None:
    code = "from visionlaw.cli.main import main; main()"
    command = [sys.executable, "-c", code, "policy", "ask", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    asked = [json.loads(process.communicate()[0])["asked"][0] for process in running]
    assert sorted(row["position"] for row in asked) == [0, 1, 2, 3]
    assert len({row["representation"] for row in asked}) == 4


def test_help_and_listing_import_nothing_heavy(python: CLI) -> None:
    code = (
        "import sys, visionlaw.cli.main, visionlaw.cli.policy\n"
        "print([m for m in ('numpy', 'sqlalchemy', 'torch', 'scipy', 'sklearn') if m in sys.modules])"
    )
    assert python("-c", code).out.strip() == "[]"


def test_asking_imports_no_torch(python: CLI) -> None:
    code = (
        "import sys; sys.argv = ['visionlaw', 'policy', 'ask']\n"
        "from visionlaw.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    done = python("-c", code)
    assert done.out.strip().endswith("[]"), done.err
