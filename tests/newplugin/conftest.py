"""New plugins, made visible as bare folders on the path: nothing is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from visionlaw.newplugin.kinds import METADATA, PluginKind
from visionlaw.newplugin.rendering import render
from visionlaw.newplugin.writing import write_all


@dataclass(frozen=True)
class Generated:
    """A new plugin on the disk.

    Attributes:
        name: Its prefix.
        kind: What it provides.
        folder: Where it is.
    """

    name: str
    kind: PluginKind
    folder: Path

    @property
    def source(self) -> Path:
        """The folder that makes it importable, and visible to visionlaw."""
        return self.folder / "src"

    @property
    def project(self) -> dict:
        return tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    @property
    def id(self) -> str:
        return f"{self.name}/{METADATA[self.kind].example}"


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[PluginKind, str], Generated]:
    """Return a function that writes a new plugin, once for all tests, as an installer would make it visible."""
    home = tmp_path_factory.mktemp("new-plugins")

    def generate(kind: PluginKind, name: str = "") -> Generated:
        chosen = name or f"made-{kind.value}"
        found = Generated(chosen, kind, home / f"{kind.value}-{chosen}")
        if not found.folder.exists():
            write_all(found.folder, render(chosen, kind))
            _make_visible(found)
        return found

    return generate


def _make_visible(plugin: Generated) -> None:
    project = plugin.project
    info = plugin.source / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    required = "".join(f"Requires-Dist: {requirement}\n" for requirement in project["dependencies"])
    extras = "".join(f"Provides-Extra: {extra}\n" for extra in project["optional-dependencies"])
    head = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    license_ = f"License-Expression: {project['license']}\nRequires-Python: {project['requires-python']}\n"
    (info / "METADATA").write_text(head + license_ + extras + required, encoding="utf-8")
    points = "\n".join(f"{name} = {value}" for name, value in project["entry-points"]["visionlaw.v1"].items())
    (info / "entry_points.txt").write_text(f"[visionlaw.v1]\n{points}\n", encoding="utf-8")
