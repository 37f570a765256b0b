"""What is written: metadata that installers and indexes take, and code that needs no cleaning up."""

from __future__ import annotations

import compileall
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from visionlaw._version import __version__
from visionlaw.newplugin.kinds import PluginKind
from visionlaw.newplugin.names import LONGEST
from visionlaw.newplugin.rendering import pins, render

if TYPE_CHECKING:
    from tests.newplugin.conftest import Generated

# The lengths of names move line ends about: the shortest and the longest must both come out formatted.
NAMES = ("", "a", "a-" + "x" * (LONGEST - 2))
ROOT = Path(__file__).parents[2]


@pytest.fixture
def everything(generated: Callable[..., Generated]) -> list[Generated]:
    return [generated(kind, name) for kind in PluginKind for name in NAMES]


@pytest.mark.parametrize("kind", PluginKind, ids=str)
def test_a_distribution_is_complete(kind: PluginKind, generated: Callable[..., Generated]) -> None:
    plugin = generated(kind)
    package = plugin.project["name"].replace("-", "_")
    wanted = {
        ".github/workflows/publish.yml",
        ".github/workflows/test.yml",
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "RELEASING.md",
        "pyproject.toml",
        f"src/{package}/__init__.py",
        f"src/{package}/plugin.py",
        f"src/{package}/py.typed",
        "tests/test_conformance.py",
    }
    files = {path.relative_to(plugin.folder).as_posix() for path in plugin.folder.rglob("*") if path.is_file()}
    assert wanted <= files
    own_tests = [name for name in files if re.fullmatch(r"tests/test_\w+\.py", name)]
    assert len(own_tests) == 2, "the conformance test, and one of what only its author knows"


@pytest.mark.parametrize("kind", PluginKind, ids=str)
def test_no_placeholder_is_left_and_the_same_name_gives_the_same_files(kind: PluginKind) -> None:
    files = render("acme-lab", kind)
    assert files == render("acme-lab", kind)
    for path, text in files.items():
        assert "PACKAGE" not in path
        assert not re.search(r"\$\{(?!\{ matrix)|\$\$|PACKAGE", text), path
        assert text.endswith("\n") or not text, path
    assert "visionlaw_acme_lab" in files["pyproject.toml"]


@pytest.mark.parametrize("kind", PluginKind, ids=str)
def test_its_metadata(kind: PluginKind, generated: Callable[..., Generated]) -> None:
    plugin = generated(kind)
    project = plugin.project
    assert project["entry-points"] == {"visionlaw.v1": {plugin.name: f"visionlaw_made_{kind}.plugin"}}
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert any(line.startswith("Programming Language :: Python :: 3.") for line in project["classifiers"])
    core, *others = map(Requirement, project["dependencies"])
    assert core.name == "visionlaw"
    assert core.specifier.contains(__version__, prereleases=True)
    for requirement in others:
        assert not re.search(r"[<=]=|<", str(requirement.specifier)), "only core is capped"
    assert any(Requirement(text).extras == {"testing"} for text in project["optional-dependencies"]["test"])


@pytest.mark.parametrize(
    ("version", "floor", "ceiling"),
    [
        ("0.1.0.dev0", "0.1.0.dev0", "1"),
        ("0.3.0", "0.3", "1"),
        ("0.3.2", "0.3", "1"),
        ("0.3.2.dev1", "0.3", "1"),
        ("0.9.0rc1", "0.9.0.dev0", "1"),
        ("1.4.2", "1.4", "2"),
    ],
)
def test_a_plugin_requires_the_core_that_it_is_written_for(version: str, floor: str, ceiling: str) -> None:
    assert pins(version) == (floor, ceiling)
    taken = Requirement(f"visionlaw>={floor},<{ceiling}").specifier
    assert taken.contains(version, prereleases=True)


def test_its_code_is_formatted_linted_and_compiles(everything: list[Generated]) -> None:
    folder = everything[0].folder.parent
    for arguments in (("format", "--check"), ("check", "--output-format=concise")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert compileall.compile_dir(folder, quiet=2)


@pytest.mark.slow
def test_its_types_are_right(generated: Callable[..., Generated]) -> None:
    plugins = [generated(kind) for kind in PluginKind]
    home = plugins[0].folder.parent
    settings = {
        "include": [f"{plugin.folder.name}/{part}" for plugin in plugins for part in ("src", "tests")],
        "extraPaths": [*(str(plugin.source) for plugin in plugins), str(ROOT / "core" / "src")],
        "pythonVersion": "3.11",
    }
    (home / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = ("pyright", "-p", str(home), "--pythonpath", sys.executable, "--outputjson")
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] >= 5 * len(plugins)
    told = [f"{found['file']}: {found['message']}" for found in report["generalDiagnostics"]]
    assert told == []
