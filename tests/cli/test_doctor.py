"""``visionlaw doctor`` as a user sees it: a report that always comes to its end, and that can be pasted."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.doctor import cache
from visionlaw.doctor.bench import Bench
from visionlaw.doctor.listing import Listing
from visionlaw.doctor.section import Section
from visionlaw.project import Project
from visionlaw.spacefile import SpaceFile

SECTIONS = [
    "platform",
    "versions",
    "plugins",
    "weights",
    "cache",
    "store",
    "registry",
    "gpu",
    "disk",
    "environment",
    "problems",
]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A machine with no first-party plugins and a torch that is quickly imported."""
    from visionlaw.discovery import DISABLE_VARIABLE, discover

    folder = tmp_path_factory.mktemp("torch")
    (folder / "torch.py").write_text(
        "from types import SimpleNamespace as S\n__version__ = '2.9.0'\nversion = S(cuda=None, hip=None)\n"
        "no = S(is_available=lambda: False)\ncuda, backends = no, S(mps=no)\n"
    )
    monkeypatch.setenv(DISABLE_VARIABLE, ",".join({plugin.distribution for plugin in discover()}))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("VISIONLAW_STORE", raising=False)


def report(cli: Callable) -> dict:
    done = cli("doctor", "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def problems(cli: Callable, section: str) -> list[str]:
    return [problem["message"] for problem in report(cli)["problems"] if problem["section"] == section]


def test_all_well(cli, quick, installed, tmp_path: Path) -> None:
    installed("good")
    said = report(cli)
    assert list(said) == SECTIONS
    # What is not about the test's own project depends on the machine that it runs on.
    assert [p for p in said["problems"] if p["section"] not in ("disk", "versions", "environment")] == []
    assert {record["name"]: record["status"] for record in said["plugins"]}["good"] == "ok"
    text = cli("doctor")
    assert text.code == 0
    assert [line[3:] for line in text.out.splitlines() if line.startswith("## ")] == SECTIONS
    if not said["problems"]:
        assert text.out.endswith("## problems\nAll well.\n")
    assert re.search(r"^    good +visionlaw-good 1.0 +ok +\d+ ms +2 encoders$", text.out, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []  # it looks and leaves nothing


def test_problems_come_last_with_their_remedies_and_the_exit_code_stays(cli, quick, installed, tmp_path: Path) -> None:
    installed("hard_exit", "import_error")
    (tmp_path / "registry.toml").write_text("[policy]\nbugdet = 3\n")
    done = cli("doctor")
    assert done.code == 0
    tail = done.out.split("## problems\n")[1]
    assert "- registry: " in tail
    assert "registry.toml:2" in tail
    assert "  → Did you mean 'budget'?" in tail
    assert "exit code 7" in tail
    assert "a_library_that_is_not_installed" in tail
    assert "All well." not in done.out


def test_what_is_pasted_holds_no_secret_and_no_home(
    cli, quick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home" / "ada"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "work")
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    monkeypatch.setenv("HF_ENDPOINT", "https://hf_0123456789@mirror.example.org")
    monkeypatch.setenv("VISIONLAW_STORE", "postgresql+nosuchdriver://ada:hunter2@db.example.org/laws?token=t0ps3cret")
    for arguments in ((), ("--json",)):
        done = cli("doctor", *arguments)
        assert done.code == 0
        for secret in (str(home), "hf_0123456789", "hunter2", "t0ps3cret"):
            assert secret not in done.out + done.err
        assert "~/work" in done.out
        assert "~/hf/hub" in done.out
        assert "postgresql+nosuchdriver://ada:***@db.example.org" in done.out


def test_a_section_that_fails_says_so_and_the_others_go_on(cli, quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "~nobody_of_that_name/hub")  # expanding it raises
    said = report(cli)
    assert list(said) == SECTIONS
    assert "failed" in said["disk"]
    assert said["registry"]["valid"] is True
    assert said["store"]["exists"] is False
    assert any(p["section"] == "disk" and "RuntimeError" in p["message"] for p in said["problems"])


def test_the_cache_whole_full_and_damaged(score, tmp_path: Path) -> None:
    assert score("toy-mean", "toy-fine", "--dataset", "toypairs").code == 0
    project = Project.find()
    features, rows = project.feature_cache, project.row_cache

    def examined(toml: str = "") -> Section:
        before = {path: path.read_bytes() for path in project.scratch.rglob("*") if path.is_file()}
        section = cache.examine(
            Bench(project, SpaceFile.model_validate(tomllib.loads(toml)), None, lambda: Listing(()))
        )
        assert {path: path.read_bytes() for path in project.scratch.rglob("*") if path.is_file()} == before
        return section

    whole = examined()
    assert whole.findings == ()
    files = sorted(features.rglob("*.safetensors"))
    assert (whole.facts["files"], whole.facts["files_read"], whole.facts["row_sets"]) == (len(files), len(files), 2)
    assert whole.facts["bytes"] == sum(path.stat().st_size for path in project.scratch.rglob("*") if path.is_file())
    assert ("damage", "none seen") in whole.rows
    (finding,) = examined("[cache]\nlimit_gb = 0.00001").findings
    assert "more than its limit of 10 kB" in finding.message
    assert "cache prune" in finding.remedy

    files[0].write_bytes(files[0].read_bytes()[:-1])  # cut off
    next(rows.glob("*/about.json")).write_text("{")
    messages = [finding.message for finding in examined().findings]
    assert [message.split("'")[0] for message in messages] == [
        f"1 of {len(files)} files of features in ",
        "1 of 2 sets of similarity rows in ",
    ]
    files[0].write_bytes(b"")
    (features / "index.sqlite").write_bytes(b"no index at all" * 500)
    for leftover in features.glob("index.sqlite-*"):
        leftover.unlink()
    damaged = examined()
    assert damaged.findings[0].message.startswith("The index of the features in ")
    assert all("visionlaw cache verify" in finding.remedy for finding in damaged.findings)
    assert len(damaged.findings) == 3


def test_the_store_of_the_project_is_looked_into(cli, quick, tmp_path: Path) -> None:
    (tmp_path / ".visionlaw").mkdir()
    (tmp_path / ".visionlaw" / "results.sqlite").write_bytes(b"no database at all" * 500)
    (message,) = problems(cli, "store")
    assert "damaged" in message
    assert [path.name for path in (tmp_path / ".visionlaw").iterdir()] == ["results.sqlite"]
