"""The sections that look at this machine: versions, weights, disk, environment, platform."""

from __future__ import annotations

import os
import shutil
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.doctor import disk, environment, folders, machine, versions, weights
from visionlaw.doctor.listing import Listing

Usage = namedtuple("Usage", "total used free")


def distribution(folder: Path, name: str, version: str, *lines: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join(("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines)))
    if name.startswith("visionlaw-"):
        (info / "entry_points.txt").write_text(f"[visionlaw.v1]\n{name[10:]} = nothing_imports_this\n")


def test_requirements_of_plugins_that_are_not_met_are_told(bench, tmp_path: Path, monkeypatch) -> None:
    distribution(tmp_path, "toylib", "1.4")
    distribution(
        tmp_path,
        "visionlaw-needy",
        "1.0",
        "Requires-Dist: visionlaw[gpu]",
        "Requires-Dist: toylib>=2",
        "Requires-Dist: nowhere-lib>=0.3; python_version>'3'",
        "Requires-Dist: old-lib; python_version<'3'",
        "Requires-Dist: extra-lib; extra == 'all'",
        "Requires-Dist: numpy>=1.0",
        "Requires-Dist: visionlaw-other[fast]",
    )
    distribution(tmp_path, "visionlaw-other", "1.0", "Requires-Dist: fast-lib; extra == 'fast'")
    monkeypatch.syspath_prepend(str(tmp_path))
    section = versions.examine(bench())
    ours = [finding for finding in section.findings if "needy" in finding.message]
    assert [finding.message for finding in ours] == [
        "visionlaw-needy requires toylib>=2, and 1.4 is installed.",
        "visionlaw-needy requires nowhere-lib>=0.3, which is not installed.",
        "visionlaw-needy requires fast-lib, which is not installed.",
    ]
    assert ours[0].remedy == "python -m pip install --upgrade 'toylib>=2'"
    assert section.facts["toylib"] == "1.4"
    assert section.facts["python"] == sys.version.split()[0]
    assert {"visionlaw", "numpy", "pydantic"} <= set(section.facts)
    disabled = versions.examine(bench(toml='[plugins]\ndisabled = ["needy"]\n'))
    assert not any("needy" in finding.message for finding in disabled.findings)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    return folder


def listing(**here: bool | None) -> Listing:
    encoders = [{"id": f"fam/{name}@224", "plugin": "fam", "here": value} for name, value in here.items()]
    return Listing((), tuple(encoders))


def test_weights_are_counted_and_the_absent_ones_named(bench, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    (hub / "models--a--b" / "blobs").mkdir(parents=True)
    (hub / "models--a--b" / "blobs" / "x").write_bytes(b"x" * 5000)
    found = listing(a=True, b=False, c=None)
    section = weights.examine(bench(found))
    assert section.findings == ()
    assert (section.facts["present"], section.facts["absent"]) == (["fam/a@224"], ["fam/b@224"])
    assert (section.facts["without_weights"], section.facts["hub_cache_bytes"]) == (1, 5000)
    assert ("fam", "1 of 2 here; absent: fam/b@224") in section.rows
    assert ("hub cache", f"{hub}, 5 kB") in section.rows


def test_absent_weights_that_may_not_be_fetched_are_a_problem_where_they_are_needed(
    bench, hub: Path, monkeypatch
) -> None:
    toml = (
        '[space]\nrepresentations = ["fam/a@224 + fam/b@224", "named"]\n[space.aliases]\nnamed = "fam/d@224?layer=2"\n'
    )
    found = listing(a=True, b=False, c=False, d=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (finding,) = weights.examine(bench(found, toml)).findings
    assert "fam/b@224, fam/d@224" in finding.message
    assert "fam/c@224" not in finding.message
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert weights.examine(bench(found, toml)).findings == ()


def test_a_folder_is_measured_as_long_as_there_is_time(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "a" / str(number)).mkdir(parents=True)
        (tmp_path / "a" / str(number) / "file").write_bytes(b"x" * 1000)
    (tmp_path / "a" / "link").symlink_to(tmp_path)
    held = folders.measure(tmp_path / "a")
    assert held.complete
    assert 3000 <= held.bytes < 3000 + 1000  # the link counts as itself
    late = folders.measure(tmp_path / "a", seconds=-1)
    assert (late.complete, str(late)) == (False, "more than 0 B")
    assert str(folders.measure(tmp_path / "nowhere")) == "not there yet"


def test_a_disk_that_is_nearly_full_is_told_once(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 3 * 10**9, 3 * 10**9))
    findings = disk.examine(bench()).findings
    devices = {folders.nearest(Path(p["path"])).stat().st_dev for p in disk.examine(bench()).facts.values()}
    assert len(findings) == len(devices)
    assert findings[0].message.startswith("Only 3 GB are free on the disk of results and features (")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 10 * 10**9))
    assert disk.examine(bench()).findings == ()


def test_a_folder_that_cannot_be_written_to_is_told(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.access
    # Root may write everywhere, so that no permission could show it.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and allowed(path, mode))
    messages = [finding.message for finding in disk.examine(bench()).findings]
    assert f"'{tmp_path}', where results and features are kept, cannot be written to." in messages


def test_the_folders_of_the_report_are_not_made(bench, tmp_path: Path) -> None:
    made = bench()
    for section in (disk, weights, machine):
        section.examine(made)
    assert not (tmp_path / ".visionlaw").exists()


def test_variables_are_shown_and_secrets_are_not(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    monkeypatch.setenv("HF_HOME", "/data/hf")
    monkeypatch.setenv("VISIONLAW_STORE", "results.sqlite")
    monkeypatch.setenv("VISIONLAW_LLM_API_KEY", "sk-very-secret")
    monkeypatch.setenv("UNRELATED", "1")
    section = environment.examine(bench())
    assert section.facts["HF_TOKEN"] == section.facts["VISIONLAW_LLM_API_KEY"] == "*** (set)"
    assert (section.facts["HF_HOME"], section.facts["VISIONLAW_STORE"]) == ("/data/hf", "results.sqlite")
    assert "UNRELATED" not in section.facts
    assert "very" not in str(section)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("VISIONLAW_STOR", "Did you mean 'VISIONLAW_STORE'?"),
        ("VISIONLAW_DISABLED_PLUGINS", "Did you mean 'VISIONLAW_DISABLE_PLUGINS'?"),
        ("VISIONLAW_ACME_LICENCE", None),  # a plugin's own
        ("VISIONLAW_STRICT", None),
    ],
)
def test_a_misspelled_variable_is_told(
    bench, monkeypatch: pytest.MonkeyPatch, name: str, suggestion: str | None
) -> None:
    monkeypatch.setenv(name, "0")
    findings = environment.examine(bench()).findings
    assert [finding.remedy for finding in findings] == ([suggestion] if suggestion else [])


def test_the_platform_says_which_python_it_is(bench: Callable) -> None:
    facts = machine.examine(bench()).facts
    assert facts["executable"] == sys.executable
    assert sys.version.split()[0] in facts["python"]
    assert facts["environment"].startswith("virtual environment") == (sys.prefix != sys.base_prefix)
