"""Fixtures for all tests: bare plugins on sys.path, the command line in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
os.environ["HF_HUB_OFFLINE"] = "1"


WITH_WEIGHTS = {f"visionlaw-{name}" for name in ("transformers", "openclip", "timm", "diffusers")}


@pytest.fixture(autouse=True)
def _without_published_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core is tested as where no plugin with weights is installed: tests say themselves who provides 'clip'."""
    everything = metadata.distributions

    def kept() -> list[metadata.Distribution]:
        return [distribution for distribution in everything() if _name(distribution) not in WITH_WEIGHTS]

    monkeypatch.setattr(metadata, "distributions", kept)


def _name(distribution: metadata.Distribution) -> str:
    try:
        return distribution.metadata["Name"]
    except UnicodeDecodeError:  # some tests damage it
        return ""


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def plugin_folder() -> Callable[[str], Path]:
    """Return the folder of a fixture plugin."""
    return lambda case: FIXTURES / "plugins" / case


def _forget_fixture_modules() -> None:
    """Make sure that a fixture plugin is imported anew, whatever other tests have imported."""
    for name in [name for name in sys.modules if name.startswith("fixture_")]:
        del sys.modules[name]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, plugin_folder: Callable[[str], Path]) -> Iterator[Callable[..., None]]:
    """Return a function that makes fixture plugins visible, the first one first on sys.path."""
    _forget_fixture_modules()

    def install(*cases: str) -> None:
        for case in reversed(cases):
            monkeypatch.syspath_prepend(str(plugin_folder(case)))

    yield install
    _forget_fixture_modules()


@pytest.fixture
def unusable_clip(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple]:
    """Return a function that installs a plugin 'clip' that cannot provide the published encoders, in one of six ways.

    It returns the options to put before the verb.
    """

    def install(case: str) -> tuple[str, ...]:
        folder = tmp_path_factory.mktemp(case)
        codes = {
            "clip_import_error": "import a_library_that_is_not_installed",
            "clip_degraded": (
                "from visionlaw import EncoderSpec, hookimpl\n"
                "@hookimpl\ndef visionlaw_encoders():\n    yield EncoderSpec(id='clip/other@224', target='m:a', "
                "resolution=224, patch=16, channels=1)\n    raise ValueError('weights moved')"
            ),
        }
        pin = "visionlaw>=7" if case == "clip_incompatible" else "visionlaw"
        several = {"clip_conflict": ("visionlaw-clip", "visionlaw-other"), "clip_missing": ()}
        names = several.get(case, ("visionlaw-clip",))
        for name in names:
            info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: {pin}\n")
            (info / "entry_points.txt").write_text("[visionlaw.v1]\nclip = fixture_clip\n")
        (folder / "fixture_clip.py").write_text(codes.get(case, ""))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, "fixture_clip", raising=False)
        return ("--no-plugin", "clip") if case == "clip_disabled" else ()

    return install


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Outcome]:
    """Return a function that runs the command line in this process, in an empty folder."""
    from visionlaw.cli.main import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["visionlaw", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Outcome]:
    """Return a function that runs Python in a process of its own, with fixture folders on its path."""

    def run(*arguments: str, path: tuple[Path, ...] = (), timeout: float = 120, **environment: str) -> Outcome:
        inherited = os.environ.get("PYTHONPATH", "")
        search = os.pathsep.join([*map(str, path), *([inherited] if inherited else [])])
        env = os.environ | environment | {"PYTHONPATH": search}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=timeout
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run
