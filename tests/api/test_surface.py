"""Nothing that plugins build on breaks unannounced; and they build on nothing else."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
from api_breaks import find_breaks, read_record
from api_names import public_names
from api_surface import read_surface
from packaging.requirements import Requirement
from packaging.version import Version
from record import COMMAND, RECORD, unannounced

from visionlaw import __version__

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
DOCS = ROOT / "docs"
PAGES = sorted({*DOCS.rglob("*plugin*.md"), *(DOCS / "plugin-authors").rglob("*.md")})
TEMPLATES = ROOT / "core" / "src" / "visionlaw" / "newplugin" / "templates"
FIXTURES = ROOT / "tests" / "fixtures" / "plugins"
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
    found = _imported(path.read_text(encoding="utf-8") for path in (PLUGINS / name / "src").rglob("*.py"))
    assert found, "the test sees no import at all"
    assert found <= public_names()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_documentation_for_plugin_authors_imports_public_names_alone(page: Path) -> None:
    blocks = re.findall(r"^ *```(?:python|py)[^\n]*\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)
    assert _imported(dedent(block) for block in blocks) <= public_names()


def test_the_templates_of_new_plugins_import_public_names_alone() -> None:
    # A template is no Python yet: its names have placeholders.
    line = re.compile(r"^ *from (visionlaw(?:\.[\w.]+)?) import ([\w, ]+)$", re.M)
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.py.tmpl")]
    found = {
        (module, name.strip()) for text in texts for module, names in line.findall(text) for name in names.split(",")
    }
    assert bool(found) is TEMPLATES.is_dir()
    assert found <= public_names()


def test_the_plugins_of_older_cores_import_public_names_alone() -> None:
    folders = FIXTURES.glob("built_against_*")
    found = _imported(path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("*.py"))
    assert len(found) > 20
    assert found <= public_names()


def test_a_surface_does_not_break_itself() -> None:
    assert find_breaks(surface(), surface()) == []


def _imported(codes: Iterable[str]) -> set[tuple[str, str]]:
    """Return what modules import from core, as (module, name)."""
    nodes = [node for code in codes for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if f"{node.module}.".startswith("visionlaw.")]
    return {(str(node.module), alias.name) for node in ours for alias in node.names}


def _accepts_next_minor(plugin: str) -> bool:
    project = tomllib.loads((PLUGINS / plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pin,) = [r for r in map(Requirement, project["dependencies"]) if r.name == "visionlaw"]
    now = Version(__version__)
    return pin.specifier.contains(f"{now.major}.{now.minor + 1}.0")
