"""Plugins in processes of their own: each is named for what it does, and none ends the doctor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.discovery import discover
from visionlaw.doctor import plugins, registry, weights
from visionlaw.doctor.listing import Listing, list_plugins
from visionlaw.plugins import PluginRecord
from visionlaw.spacefile import default_path

Install = Callable[..., None]


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that makes and installs a plugin of some code."""

    def install(name: str, code: str) -> None:
        folder = tmp_path_factory.mktemp(name)
        info = folder / f"visionlaw_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: visionlaw-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[visionlaw.v1]\n{name} = fixture_{name}\n")
        (folder / f"fixture_{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))

    return install


@pytest.fixture(autouse=True)
def others() -> tuple[str, ...]:
    """Names of what is installed on this machine, to be left alone: importing all of it takes its time."""
    return tuple(plugin.distribution for plugin in discover())


@pytest.fixture
def listed(others: tuple[str, ...]) -> Callable[..., Listing]:
    return lambda seconds=30.0: list_plugins(default_path(), others, seconds)


def by_name(listing: Listing) -> dict[str, PluginRecord]:
    return {record.name: record for record in listing.records}


@pytest.mark.slow
def test_each_is_told_for_what_it_does(listed: Callable[..., Listing], installed: Install, own) -> None:
    own("hangs", "import time; time.sleep(600)")
    own("segfaults", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    installed("hard_exit", "import_error", "good", "half_way", "prints")
    listing = listed(seconds=10.0)
    records = by_name(listing)
    assert records["hardexit"].status == "broken"
    assert "exit code 7" in records["hardexit"].reason
    assert "--no-plugin hardexit" in records["hardexit"].remedy
    assert "did not end within 10 s" in records["hangs"].reason
    assert "signal 11" in records["segfaults"].reason
    assert "a_library_that_is_not_installed" in records["importerror"].reason
    assert records["halfway"].status == "degraded"
    assert records["good"].status == records["builtin"].status == records["prints"].status == "ok"
    assert records["good"].provides == {"encoder": ("good/small@224", "good/large@224")}
    assert {encoder["id"] for encoder in listing.encoders} >= {"good/small@224", "halfway/first@224"}
    assert listing.findings == ()


def test_who_claims_the_same_is_seen_where_they_are_together(listed: Callable, installed: Install) -> None:
    installed("duplicate_id")
    records = by_name(listed())
    assert {records["alpha"].status, records["beta"].status} == {"conflict"}


def test_the_time_of_each_is_its_own_whatever_others_have_imported(listed: Callable, own) -> None:
    own("shared", "import time; time.sleep(.3)")
    own("first", "import fixture_shared")
    own("second", "import fixture_shared")
    records = by_name(listed())
    assert all(records[name].seconds >= 0.3 for name in ("first", "second", "shared"))
    assert all("Listing it took" in records[name].reason for name in ("first", "second"))


def test_two_that_do_not_bear_each_other_leave_a_report(bench, listed: Callable, own) -> None:
    for name, other in (("left", "right"), ("right", "left")):
        own(name, f"import os, sys\nif 'fixture_{other}' in sys.modules: os._exit(9)")
    listing = listed()
    assert {by_name(listing)[name].status for name in ("left", "right", "builtin")} == {"ok"}
    (finding,) = listing.findings
    assert "ended Python with exit code 9" in finding.message
    section = plugins.examine(bench(listing))
    assert section.findings == (finding,)
    assert weights.examine(bench(listing)).facts["present"] == []
    assert ("valid", "yes, as far as could be checked") in registry.examine(bench(listing)).rows


def test_what_is_disabled_or_refused_is_not_imported(bench, installed: Install, own, others) -> None:
    own("trap", f"import pathlib; pathlib.Path({str(Path.cwd())!r}, 'trapped').touch()")
    installed("wrong_group", "unmet_pin")
    listing = list_plugins(default_path(), (*others, "trap"))
    assert by_name(listing)["trap"].status == "disabled"
    assert by_name(listing)["future"].status == "incompatible"
    assert not Path("trapped").exists()
    messages = [finding.message for finding in plugins.examine(bench(listing)).findings]
    assert any(message.startswith("future (incompatible): ") for message in messages)
    assert not any("trap" in message for message in messages)


def test_registry_toml_is_checked_against_what_is_installed(bench, installed: Install, others) -> None:
    installed("good")
    for toml, words in (
        ('[space]\nrepresentations = ["good/smal@224"]\n', "Did you mean 'good/small@224'"),
        ("[correspondence]\nroots = 7\n", "visionlaw space schema"),
    ):
        one = bench(toml=toml)
        listing = list_plugins(one.project.space_path, others)
        section = registry.examine(bench(listing, toml))
        (finding,) = section.findings
        assert "registry.toml:2" in finding.message
        assert words in finding.remedy
        assert section.facts["valid"] is False
        assert by_name(listing)["good"].status == "ok"
    toml = '[space]\nrepresentations = ["good/small@224", "absent/a@224"]\n[catalogue]\nabsent = "visionlaw-absent"\n'
    section = registry.examine(bench(list_plugins(bench(toml=toml).project.space_path, others), toml))
    assert section.findings == ()
    assert "absent/a@224" in section.facts["missing"]["python -m pip install visionlaw-absent"]
