"""What the sections look at, made of a folder and nothing else; and modules that processes of their own can find."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.doctor.bench import Bench, settings_of
from visionlaw.doctor.listing import Listing
from visionlaw.project import Project

MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeBench:
    """Return a function that makes the bench of a project in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def make(listing: Listing | None = None, toml: str = "") -> Bench:
        (tmp_path / "registry.toml").write_text(toml)
        project = Project.find()
        settings, fault = settings_of(project)
        return Bench(project, settings, fault, lambda: listing or Listing(()))

    return make


@pytest.fixture
def module(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Return a function that puts a module on sys.path, before all others; it returns its folder."""

    def write(name: str, code: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        return folder

    return write


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes the only program on PATH: what it writes, and its exit code."""

    def write(name: str, says: str, code: int = 0) -> None:
        folder = tmp_path_factory.mktemp("bin")
        path = folder / name
        path.write_text(f"#!/bin/sh\necho {shlex.quote(says)}\nexit {code}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return write
