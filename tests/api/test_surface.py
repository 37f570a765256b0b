"""Nothing that plugins build on breaks unannounced; and they build on nothing else."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest
from api_breaks import find_breaks, read_record
from api_surface import public_names, read_surface
from packaging.requirements import Requirement
from packaging.version import Version
from record import COMMAND, RECORD, unannounced

from visionlaw import __version__

PLUGINS = Path(__file__).parents[2] / "plugins"
IN_STEP = {"lab", "mllm"}
"""Plugins that use what is not public, and therefore need the very minor version that they were made for."""


@cache
def surface() -> dict[str, str]:
    return read_surface()


@pytest.fixture(scope="module")
def recorded() -> dict[str, str]:
    return read_record(RECORD.read_text(encoding="utf-8"))


def test_no_promise_is_broken_unannounced(recorded: dict[str, str]) -> None:
    broken = unannounced(recorded, surface())
    assert not broken, "announce it under Changed or Removed of [Unreleased] in CHANGELOG.md: " + "; ".join(broken)


def test_every_promise_is_recorded(recorded: dict[str, str]) -> None:
    now = surface()
    different = sorted(name for name in now.keys() | recorded.keys() if now.get(name) != recorded.get(name))
    assert not different, f"run: {COMMAND}, and read what it changes; different: {different[:10]}"


def test_the_surface_holds_what_plugins_are_made_of(recorded: dict[str, str]) -> None:
    assert recorded["visionlaw.hookspecs.Hooks.visionlaw_resolve(0:id)"] == "str (required)"
    assert recorded["visionlaw.specs.EncoderSpec.patch"] == "int, Ge(ge=1) (required)"
    assert recorded["visionlaw.specs.EncoderSpec.resize"] == "'squash' | 'letterbox' | 'crop' = 'squash'"
    assert recorded["visionlaw.protocols.Scorer.protocol"] == "property str"
    assert recorded["visionlaw.protocols.Pair(8:instances)"] == "Instances | None = None"
    assert recorded["visionlaw.errors.NotInstalledError"] == "class & UnknownIdError & VisionlawError"
    assert recorded["visionlaw.testing.run_checks(expected_failures=)"] == "Mapping[str, str] | None = None"
    assert recorded["check[imports]"] == "plugin"
    assert recorded["visionlaw list --search"] == "str = ''"
    assert recorded["visionlaw check DIST_OR_ID"] == "list[str] (required)"
    assert not [
        name for name in recorded if " at 0x" in recorded[name] or "<" in recorded[name].replace("<factory>", "")
    ]


@pytest.mark.parametrize("name", sorted(path.name for path in PLUGINS.iterdir() if (path / "pyproject.toml").exists()))
def test_first_party_plugins_import_public_names_alone_or_pin_the_minor_version(name: str) -> None:
    if name in IN_STEP:
        assert not _accepts_next_minor(name)
        return
    assert _imported(name), "the test sees no import at all"
    assert _imported(name) <= public_names()


def test_a_surface_does_not_break_itself() -> None:
    assert find_breaks(surface(), surface()) == []


def _imported(plugin: str) -> set[tuple[str, str]]:
    """Return what a plugin imports from core, as (module, name)."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (PLUGINS / plugin / "src").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    ours = [node for node in nodes if f"{node.module}.".startswith("visionlaw.")]
    return {(str(node.module), alias.name) for node in ours for alias in node.names}


def _accepts_next_minor(plugin: str) -> bool:
    project = tomllib.loads((PLUGINS / plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pin,) = [r for r in map(Requirement, project["dependencies"]) if r.name == "visionlaw"]
    now = Version(__version__)
    return pin.specifier.contains(f"{now.major}.{now.minor + 1}.0")
