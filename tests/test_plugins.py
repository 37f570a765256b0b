"""The loader: one bad plugin is reported by name and touches nobody else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visionlaw.discovery import DISABLE_VARIABLE
from visionlaw.errors import ConflictError, MissingDependencyError, PluginError, UnknownIdError
from visionlaw.plugins import STRICT_VARIABLE, PluginRecord
from visionlaw.registry import Registry

if TYPE_CHECKING:
    from tests.conftest import Outcome

Install = Callable[..., None]


def record(registry: Registry, name: str) -> PluginRecord:
    (found,) = [r for r in registry.plugins if r.name == name]
    return found


def encoders(registry: Registry) -> set[str]:
    return {e.spec.id for e in registry.entries("encoder")}


def test_a_plugin_in_order_is_ok_and_lists_its_encoders(installed: Install) -> None:
    installed("good")
    registry = Registry.discover()
    good = record(registry, "good")
    assert (good.status, good.reason, good.distribution, good.version) == ("ok", "", "visionlaw-good", "1.0")
    assert good.provides == {"encoder": ("good/small@224", "good/large@224")}


@pytest.mark.parametrize(
    ("case", "name", "words"),
    [
        ("import_error", "importerror", ["ModuleNotFoundError", "a_library_that_is_not_installed"]),
        ("system_exit", "systemexit", ["SystemExit", "wants a GPU"]),
        ("syntax_error", "syntaxerror", ["SyntaxError", "fixture_syntaxerror.py:3"]),
        ("wrong_signature", "signature", ["visionlaw_encoders", "registry"]),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_broken_and_alone(
    installed: Install, case: str, name: str, words: list[str]
) -> None:
    installed(case, "good")
    registry = Registry.discover()
    broken = record(registry, name)
    assert broken.status == "broken"
    assert all(word in broken.reason for word in words)
    assert broken.distribution in broken.remedy
    assert broken.provides == {}
    assert record(registry, "good").status == "ok"
    assert registry.get("encoder", "good/small@224").distribution == "visionlaw-good"


def test_strict_raises_what_the_plugin_raised(installed: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    installed("half_way")
    monkeypatch.setenv(STRICT_VARIABLE, "1")
    with pytest.raises(ValueError, match="the second one is not ready"):
        Registry.discover()


def test_a_slow_import_is_warned_about_with_its_seconds(installed: Install) -> None:
    installed("slow")
    slow = record(Registry.discover(), "slow")
    assert slow.status == "ok"
    assert slow.seconds >= 0.4
    assert f"{slow.seconds:.2f} s" in slow.reason


def test_a_heavy_import_is_warned_about_by_name_and_seconds(
    python: Callable[..., Outcome], plugin_folder: Callable[[str], Path]
) -> None:
    code = (
        "import json; from dataclasses import asdict; from visionlaw.registry import Registry;"
        "print(json.dumps([asdict(r) for r in Registry.discover().plugins if r.name == 'heavy']))"
    )
    done = python("-c", code, path=(plugin_folder("heavy"), plugin_folder("heavy").parents[1] / "heavy_torch"))
    (heavy,) = json.loads(done.out)
    assert heavy["status"] == "ok"
    assert "torch" in heavy["reason"]
    assert f"{heavy['seconds']:.2f} s" in heavy["reason"]
    assert heavy["provides"] == {"encoder": ["heavy/small@224"]}


def test_another_hook_api_is_incompatible_and_not_imported(installed: Install) -> None:
    installed("wrong_group")
    future = record(Registry.discover(), "future")
    assert future.status == "incompatible"
    assert "visionlaw.v2" in future.reason
    assert "visionlaw.v1" in future.reason
    assert "fixture_future" not in sys.modules


def test_an_unmet_pin_on_core_is_incompatible_and_not_imported(installed: Install) -> None:
    installed("unmet_pin")
    newer = record(Registry.discover(), "newer")
    assert newer.status == "incompatible"
    assert "visionlaw>=7.0" in newer.reason
    assert "pip install --upgrade" in newer.remedy


def test_an_id_that_two_plugins_claim_is_refused_to_both_by_name(installed: Install) -> None:
    installed("duplicate_id")
    registry = Registry.discover()
    for name in ("alpha", "beta"):
        claimant = record(registry, name)
        assert claimant.status == "conflict"
        assert "alpha/shared@224" in claimant.reason
        assert "visionlaw-alpha" in claimant.reason
        assert "visionlaw-beta" in claimant.reason
        assert claimant.provides["encoder"] == (f"{name}/own@224",)
    for kind, contested in (("encoder", "alpha/shared@224"), ("sampler", "greedy")):
        with pytest.raises(ConflictError, match="visionlaw-alpha and visionlaw-beta"):
            registry.get(kind, contested)


def test_core_keeps_its_own_ids(installed: Install) -> None:
    installed("duplicate_id")
    registry = Registry.discover()
    assert registry.get("sampler", "region").distribution == "visionlaw"
    assert "'region' is core's own" in record(registry, "beta").reason


def test_a_name_that_two_distributions_claim_is_refused_to_both(installed: Install) -> None:
    installed("duplicate_name")
    twins = [r for r in Registry.discover().plugins if r.name == "twin"]
    assert [t.status for t in twins] == ["conflict", "conflict"]
    assert all("visionlaw-one and visionlaw-two" in t.reason for t in twins)
    assert "fixture_twin" not in sys.modules


def test_unknown_and_unmarked_hooks_are_named_and_the_rest_works(installed: Install) -> None:
    installed("misspelled_hook")
    misspelled = record(Registry.discover(), "misspelled")
    assert misspelled.status == "degraded"
    assert "'visionlaw_encodres' is no hook" in misspelled.reason
    assert "'visionlaw_encoders'" in misspelled.remedy
    assert "'visionlaw_samplers' is not marked" in misspelled.reason
    assert misspelled.provides == {"encoder": ("misspelled/small@224",)}


def test_a_hook_that_raises_half_way_keeps_what_it_gave_and_the_other_hooks(installed: Install) -> None:
    installed("half_way")
    half = record(Registry.discover(), "halfway")
    assert half.status == "degraded"
    assert "the second one is not ready" in half.reason
    assert half.provides == {"encoder": ("halfway/first@224",), "sampler": ("halfway",)}


def test_wrong_types_are_left_out_and_named(installed: Install) -> None:
    installed("wrong_type")
    wrong = record(Registry.discover(), "wrongtype")
    assert wrong.status == "degraded"
    assert "visionlaw_encoders() returned str" in wrong.reason
    assert "visionlaw_scorers() returned NoneType" in wrong.reason
    assert "int '42'" in wrong.reason
    assert wrong.provides == {"sampler": ("wrongtype/kept",)}


def test_only_the_invalid_specs_are_lost(installed: Install) -> None:
    installed("invalid_spec")
    invalid = record(Registry.discover(), "invalid")
    assert invalid.status == "degraded"
    assert invalid.provides == {"encoder": ("invalid/first@224", "invalid/last@224")}
    for culprit in ("Not An Id", "colour", "unchecked", "size@336", "foreign/small@224"):
        assert culprit in invalid.reason


@pytest.mark.parametrize("order", [("one_name_twice_a", "one_name_twice_b"), ("one_name_twice_b", "one_name_twice_a")])
def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(installed: Install, order: tuple[str]) -> None:
    installed(*order)
    double = record(Registry.discover(), "double")
    first, second = ("1.0", "0.9") if order[0].endswith("a") else ("0.9", "1.0")
    assert double.version == first
    assert f"version {second}" in double.reason
    assert double.status == ("ok" if first == "1.0" else "broken")


def test_the_same_copy_seen_twice_is_no_problem(installed: Install) -> None:
    installed("good", "good")
    assert record(Registry.discover(), "good").reason == ""


@pytest.mark.parametrize("name", ["unwanted", "visionlaw-unwanted", "Visionlaw_Unwanted"])
def test_a_disabled_plugin_is_never_imported(
    installed: Install, plugin_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    installed("disabled")
    marker = plugin_folder("disabled") / "imported.marker"
    assert record(Registry.discover(disabled=[name]), "unwanted").status == "disabled"
    monkeypatch.setenv(DISABLE_VARIABLE, f"other, {name}")
    assert record(Registry.discover(), "unwanted").status == "disabled"
    assert not marker.exists()
    monkeypatch.delenv(DISABLE_VARIABLE)
    try:
        assert record(Registry.discover(), "unwanted").status == "broken"
        assert marker.exists()
    finally:
        marker.unlink(missing_ok=True)


def test_disabling_one_claimant_of_a_name_gives_it_to_the_other(installed: Install) -> None:
    installed("duplicate_name")
    statuses = {r.distribution: r.status for r in Registry.discover(disabled=["visionlaw-two"]).plugins}
    assert statuses["visionlaw-one"] == "ok"
    assert statuses["visionlaw-two"] == "disabled"


def test_what_a_plugin_prints_stays_out_of_stdout(installed: Install, capsys: pytest.CaptureFixture[str]) -> None:
    installed("prints")
    assert "prints/small@224" in encoders(Registry.discover())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello from a chatty plugin" in captured.err


def test_all_hooks_are_called(installed: Install) -> None:
    from visionlaw.specs import SPEC_TYPES

    installed("all_hooks")
    registry = Registry.discover()
    everything = record(registry, "everything")
    assert everything.status == "ok"
    assert set(everything.provides) == set(SPEC_TYPES)
    for kind, ids in everything.provides.items():
        assert registry.load(kind, ids[0], extra=1) == (ids[0], {"extra": 1})


def test_doctor_names_a_plugin_that_kills_python(installed: Install, python: Callable[..., Outcome]) -> None:
    folder = Path(__file__).parent / "fixtures" / "plugins"
    done = python(
        "-m", "visionlaw", "doctor", "--json", path=(folder / "hard_exit", folder / "good", folder / "import_error")
    )
    assert done.code == 0, done.err
    statuses = {r["name"]: r for r in json.loads(done.out)["plugins"]}
    assert statuses["hardexit"]["status"] == "broken"
    assert "exit code 7" in statuses["hardexit"]["reason"]
    assert statuses["good"]["status"] == "ok"
    assert statuses["importerror"]["status"] == "broken"


@pytest.mark.parametrize(
    ("case", "distribution"),
    [
        ("damaged_entry_points", "visionlaw-scrambled"),
        ("undecodable_entry_points", "visionlaw-binary"),
        ("damaged_metadata", "visionlaw-nameless"),
    ],
)
def test_damaged_metadata_is_named_and_alone(installed: Install, case: str, distribution: str) -> None:
    installed(case, "good")
    registry = Registry.discover()
    (found,) = [r for r in registry.plugins if r.distribution == distribution]
    assert found.status == "broken"
    assert "metadata is damaged" in found.reason
    assert record(registry, "good").status == "ok"


def test_hooks_that_never_end_or_raise_what_cannot_be_printed(installed: Install) -> None:
    installed("hostile", "good")
    registry = Registry.discover()
    hostile = record(registry, "hostile")
    assert hostile.status == "degraded"
    assert "raised UnprintableError" in hostile.reason
    assert "was stopped after" in hostile.reason
    assert hostile.provides["sampler"] == ("hostile/kept",)
    assert registry.get("encoder", "good/small@224").plugin == "good"


def test_an_alias_never_takes_another_familys_id(installed: Install) -> None:
    installed("hostile")
    registry = Registry.discover(disabled=["good"])
    assert "alias 'good/small@224' is left out" in record(registry, "hostile").reason
    with pytest.raises(UnknownIdError):
        registry.get("encoder", "good/small@224")


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("exits", PluginError, "Loading 'hostile/exits@64' failed: SystemExit"),
        ("raises", PluginError, "ValueError: no such weights"),
        ("raises_base", PluginError, "BaseError: beyond Exception"),
        ("lacks_a_library", MissingDependencyError, "a_library_that_is_not_installed"),
    ],
)
def test_a_target_that_fails_is_one_sentence(
    installed: Install, capsys: pytest.CaptureFixture[str], target: str, error: type[Exception], words: str
) -> None:
    installed("hostile")
    with pytest.raises(error, match=re.escape(words)) as caught:
        Registry.discover().load("encoder", f"hostile/{target}@64")
    assert "visionlaw-hostile" in str(caught.value)
    assert capsys.readouterr().out == ""


def test_an_invalid_spec_object_is_told_without_pydantics_noise(installed: Install) -> None:
    installed("invalid_spec_raises")
    invalid = record(Registry.discover(), "raises")
    assert "EncoderSpec is invalid: channels: Field required" in invalid.reason
    assert "pydantic.dev" not in invalid.reason
